-- S3: one stamp a statement and entity, strictly increasing over the dataset.
SET timezone = 'UTC';
INSERT INTO entity (id, tags, content) VALUES ('a', '{x,y}', 'c'), ('b', '{x}', NULL);
SELECT id, count(DISTINCT ts_ns) AS stamps, count(*) AS events FROM entity_event GROUP BY id ORDER BY id;
SELECT count(DISTINCT ts_ns) AS stamps_of_both FROM entity_event;
UPDATE entity SET tags = '{z}', content = 'd';
SELECT id, count(DISTINCT ts_ns) AS stamps FROM entity_event GROUP BY id ORDER BY id;

-- Facts without a time, of one statement: one stamp an entity.
INSERT INTO entity_event (id, op, tag) VALUES ('a', 'assert', 'p'), ('b', 'assert', 'p'), ('a', 'assert', 'q');
SELECT id, count(DISTINCT ts_ns) FROM entity_event WHERE tag IN ('p', 'q') GROUP BY id ORDER BY id;

-- In a loop no stamp is given twice, and the order of stamps is that of the writes.
DO $$ BEGIN FOR i IN 1 .. 500 LOOP PERFORM entity_set('a', 'n', i::text); END LOOP; END $$;
SELECT count(*) = count(DISTINCT ts_ns) AS distinct_stamps, bool_and(n = place) AS in_order
FROM (SELECT ts_ns, substr(tag, 3)::int AS n, row_number() OVER (ORDER BY ts_ns) AS place
      FROM entity_event WHERE op = 'assert' AND tag LIKE 'n:%') s;

-- A user-given future time does not carry the clock away.
SELECT entity_tag('a', 'far', at => '2250-01-01');
SELECT entity_tag('a', 'near');
SELECT max(ts) < '2250-01-01' AS stays FROM entity_event WHERE tag = 'near';
