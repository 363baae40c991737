-- What EXPLAIN says: what the scan answers, and, once it ran, which segments it read.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) ' || query;
END $$;
-- Three runs, of which each holds one year, one kind of tag of its own and ids of its own; and a delta.
INSERT INTO entity (id, tags, created_at) SELECT 'a' || i, '{all,first}', '2020-01-01' FROM generate_series(1, 9) i;
SELECT entitydb.seal('entity');
INSERT INTO entity (id, tags, created_at) SELECT 'b' || i, '{all,second}', '2021-01-01' FROM generate_series(1, 9) i;
SELECT entitydb.seal('entity');
INSERT INTO entity (id, tags, created_at) SELECT 'c' || i, '{all,third}', '2022-01-01' FROM generate_series(1, 9) i;
SELECT entitydb.seal('entity');
SELECT kind, count(*) FROM entitydb.stat_segment GROUP BY kind ORDER BY kind;
SELECT plan('SELECT id FROM entity WHERE tags @> ''{all}''');
SELECT plan('SELECT count(*) FROM entity WHERE tags @> ''{all}''');
INSERT INTO entity (id, tags, created_at) VALUES ('d1', '{all,fourth}', '2023-01-01'), ('d2', '{all,fourth}', '2023-01-01');
-- Only the run that has the tag.
SELECT plan('SELECT id FROM entity WHERE tags @> ''{second}''');
SELECT plan('SELECT count(*) FROM entity WHERE NOT tags @> ''{second}'' AND tags @> ''{third}''');
SELECT plan('SELECT count(*) FROM entity WHERE tags @> ''{nowhere}''');
-- Only the runs that had begun.
SELECT plan('SELECT count(*) FROM entity_as_of(''2020-06-01'')');
SELECT plan('SELECT count(*) FROM entity_as_of(''2021-06-01'') WHERE tags @> ''{all}''');
SELECT plan('SELECT count(*) FROM entity_as_of(''2019-06-01'')');
SELECT count(*) FROM entity_as_of('2020-06-01');
SELECT count(*) FROM entity_as_of('2021-06-01') WHERE tags @> '{all}';
-- Only the runs that have the entity.
SELECT plan('SELECT * FROM entity WHERE id = ''b3''');
SELECT plan('SELECT * FROM entity WHERE id = ''d1''');
SELECT plan('SELECT * FROM entity WHERE id = ANY (''{a1,c2,none}'') AND tags @> ''{all}''');
SELECT plan('SELECT * FROM entity_as_of(''2020-06-01'') WHERE id = ''b3''');
UPDATE entity SET tags = tags || '{more}', updated_at = '2023-06-01' WHERE id = 'a1';
SELECT entitydb.seal('entity');
SELECT plan('SELECT tags FROM entity WHERE id = ''a1''');
SELECT plan('SELECT tags FROM entity_as_of(''2020-06-01'') WHERE id = ''a1''');
SELECT tags FROM entity WHERE id = 'a1';
SELECT tags FROM entity_as_of('2020-06-01') WHERE id = 'a1';
-- A rescan adds to what was read.
SELECT plan('SELECT i, e.tags FROM unnest(ARRAY[''a2'', ''c2'']) i, LATERAL (SELECT * FROM entity e WHERE e.id = i OFFSET 0) e');
-- Facts are events, and nothing else.
EXPLAIN (COSTS OFF) SELECT * FROM entity_event WHERE id = 'a1' AND ts > '2020-01-01' AND op <> 'create';
EXPLAIN (COSTS OFF) SELECT * FROM entity_timeline('2020-01-01', '2021-01-01');
EXPLAIN (COSTS OFF) SELECT * FROM entity_event WHERE ts_ns >= 5 OR NOT id <> 'a1';
SELECT plan('SELECT op, ts FROM entity_history(''a1'')');
-- Which clauses are the scan's, and which are filtered.
EXPLAIN (COSTS OFF) SELECT * FROM entity WHERE tags @> '{all,first}' AND NOT 'more' = ANY (tags) AND id < 'b' AND tags IS NOT NULL;
EXPLAIN (COSTS OFF) SELECT * FROM entity WHERE tags && '{first,second}' OR id = 'c1';
EXPLAIN (COSTS OFF, FORMAT JSON) SELECT count(*) FROM entity_as_of('2020-06-01', '2030-01-01') WHERE tags @> '{all}' AND id > 'a';
