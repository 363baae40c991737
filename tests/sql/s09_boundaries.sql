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
