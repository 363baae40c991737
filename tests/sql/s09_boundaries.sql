-- S9: instants at and past the ends of what can be written, infinities and NULL.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity (id, created_at) VALUES ('first', '1678-01-01'), ('last', '2261-12-31 23:59:59.999999');
-- A read out of range is answered as at the nearest end.
SELECT id FROM entity_as_of('1677-06-01');
SELECT id FROM entity_as_of('-infinity');
SELECT id FROM entity_as_of('4713-01-01 BC');
SELECT id FROM entity_as_of_ns(-9223372036854775808);
SELECT id FROM entity_as_of('294276-12-31') ORDER BY id;
SELECT id FROM entity_as_of('infinity') ORDER BY id;
SELECT id FROM entity_as_of_ns(9223372036854775807) ORDER BY id;
SELECT op, tag FROM entity_diff('first', '-infinity', 'infinity');
SELECT op, tag FROM entity_diff('last', '-infinity', 'infinity');
SELECT id FROM entity_as_of('2261-12-31 23:59:59.999998');
-- NULL gives no rows.
SELECT count(*) FROM entity_as_of(NULL);
SELECT count(*) FROM entity_as_of_ns(NULL);
SELECT count(*) FROM entity_as_of('infinity', NULL);
SELECT count(*) FROM entity_as_of(NULL, 'infinity');
SELECT count(*) FROM entity_diff('first', NULL, 'infinity');
SELECT count(*) FROM entity_history('first', NULL);
SELECT count(*) FROM entity_history(NULL);
-- The system axis.
SELECT count(*) FROM entity_as_of('infinity', '-infinity');
SELECT count(*) FROM entity_as_of('infinity', 'infinity');
-- The same from segments.
SELECT entitydb.seal('entity');
SELECT id FROM entity_as_of('-infinity');
SELECT id FROM entity_as_of('infinity') ORDER BY id;
SELECT count(*) FROM entity_as_of('infinity', '-infinity');
-- Writes out of range are errors, which name what was given, one by one and in bulk.
\set VERBOSITY terse
INSERT INTO entity (id, created_at) VALUES ('x', '1677-12-31 23:59:59.999999');
INSERT INTO entity (id, created_at) VALUES ('x', '2262-01-01');
INSERT INTO entity (id, created_at) VALUES ('x', 'infinity');
SET entitydb.bulk_threshold = 0;
INSERT INTO entity (id, created_at) SELECT 'x', '1677-12-31 23:59:59.999999';
INSERT INTO entity (id, created_at) SELECT 'x' || i, '2262-01-01' FROM generate_series(1, 2) i;
INSERT INTO entity_event (id, ts, tag) SELECT 'x' || i, '-infinity', 't' FROM generate_series(1, 2) i;
INSERT INTO entity_event (id, ts_ns, tag) SELECT 'x' || i, -9223372036854775808, 't' FROM generate_series(1, 2) i;
-- An entity that is created again at a microsecond in which it had an event is created at that event's instant, one by one
-- and in bulk. (A load once put it at the start of the microsecond, where what came after it took the new state away.)
SET entitydb.bulk_threshold = 10000;
INSERT INTO entity_event (id, ts_ns, op)
SELECT id, ts_ns, op FROM unnest('{one,many}'::text[]) id, (VALUES (1072915200000000003, 'create'), (1072915200000000007, 'delete')) e (ts_ns, op);
INSERT INTO entity (id, tags, created_at) VALUES ('one', '{again}', '2004-01-01 00:00:00+00');
SET entitydb.bulk_threshold = 0;
INSERT INTO entity (id, tags, created_at) SELECT 'many', '{again}', '2004-01-01 00:00:00+00';
RESET entitydb.bulk_threshold;
SELECT id, ts_ns, op, tag, seq FROM entity_event WHERE id IN ('one', 'many') ORDER BY id, ts_ns, seq;
SELECT id, tags FROM entity WHERE id IN ('one', 'many') ORDER BY id;
