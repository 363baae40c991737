-- Loads past entitydb.bulk_threshold go straight to runs, and differ from small ones in nothing that can be asked.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SET entitydb.bulk_threshold = 5;

-- A load, its count, its events; the delta stays empty.
INSERT INTO entity (id, tags, content, created_at)
SELECT 'e' || i, ARRAY['n:' || i % 3, 'all'], convert_to('c' || i, 'UTF8'), '2020-01-01'::timestamptz + i * interval '1 day'
FROM generate_series(1, 20) i;
SELECT kind, events, entities FROM entitydb.stat_segment ORDER BY kind;
SELECT count(*) FROM entity WHERE tags @> '{n:1}';
SELECT count(*) FROM entity_as_of('2020-01-11') WHERE tags @> '{n:1}';
SELECT id, tags, content, created_at FROM entity WHERE id = 'e7';
SELECT ts, op, tag, seq FROM entity_history('e7');

-- An id that exists, in the store or in the load itself, is an error and leaves nothing.
INSERT INTO entity (id) SELECT 'f' || i FROM generate_series(1, 20) i UNION ALL SELECT 'e3';
INSERT INTO entity (id) SELECT 'g' || i % 7 FROM generate_series(1, 20) i;
SELECT count(*) FROM entity;

-- Rolled back, the load is gone; its own transaction saw it.
BEGIN;
INSERT INTO entity (id, tags) SELECT 'h' || i, '{all}' FROM generate_series(1, 10) i;
SELECT count(*) FROM entity WHERE tags @> '{all}';
ROLLBACK;
SELECT count(*) FROM entity WHERE tags @> '{all}';

-- S7: the same facts again record nothing; one more of each records one more.
CREATE TEMP TABLE fact AS
SELECT 'e' || i % 4 AS id, '2021-01-01'::timestamptz + i / 4 * interval '1 hour' AS ts, 'assert' AS op, 'fact' AS tag
FROM generate_series(0, 15) i;
INSERT INTO entity_event (id, ts, op, tag) SELECT * FROM fact;
INSERT INTO entity_event (id, ts, op, tag) SELECT * FROM fact;
SELECT id, count(*), max(seq) FROM entity_event WHERE tag = 'fact' GROUP BY id ORDER BY id;
INSERT INTO entity_event (id, ts, op, tag) SELECT * FROM fact UNION ALL SELECT * FROM fact;
SELECT id, count(*), max(seq) FROM entity_event WHERE tag = 'fact' GROUP BY id ORDER BY id;

-- S9: a timestamptz lands on the entity's last event in its microsecond.
INSERT INTO entity_event (id, ts_ns, op, tag) VALUES ('e9', entitydb.ns('2022-01-01 00:00:00Z'::timestamptz) + 7, 'assert', 'late');
INSERT INTO entity_event (id, ts, op, tag)
SELECT 'e9', '2022-01-01 00:00:00Z'::timestamptz + i * interval '1 second', 'retract', 'late' FROM generate_series(0, 9) i;
SELECT ts_ns - entitydb.ns('2022-01-01 00:00:00Z'::timestamptz) AS after, op FROM entity_event WHERE id = 'e9' AND tag = 'late' ORDER BY ts_ns, seq LIMIT 3;

-- Single changes go on over a load, sealed and compacted.
UPDATE entity SET tags = tags || '{new}' WHERE tags @> '{n:2}';
DELETE FROM entity WHERE id = 'e1';
SELECT count(*) FILTER (WHERE 'new' = ANY (tags)), count(*) FROM entity;
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT count(*) FILTER (WHERE 'new' = ANY (tags)), count(*) FROM entity;
SELECT entitydb.compact('entity') > 0 AS compacted;
SELECT count(*) FILTER (WHERE 'new' = ANY (tags)), count(*) FROM entity;
SELECT bool_and(ok) FROM entitydb.verify('entity');

-- TRUNCATE takes everything, and the past may be loaded again.
TRUNCATE entity;
SELECT count(*) FROM entity_event;
INSERT INTO entity_event (id, ts, op, tag) SELECT * FROM fact;
SELECT count(*) FROM entity_as_of('2021-01-01 02:00Z');
