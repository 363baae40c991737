-- SET entitydb.as_of and entitydb.as_of_system bound every face of the session.
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
SELECT entity_put('a', '{type:x,n:1}', '\x01', at => '2020-01-01');
SELECT entity_put('b', '{type:x,n:2}', at => '2020-02-01');
SELECT entity_set('a', 'n', '2', at => '2020-03-01');
SELECT entity_delete('b', at => '2020-04-01');
SELECT entity_put('c', '{type:x}', at => '2100-01-01');
CREATE FOREIGN TABLE exact (id text, updated_at_ns bigint, version bigint) SERVER entitydb OPTIONS (dataset 'entity');
-- What is SET is an absolute instant, the end of its microsecond.
SHOW entitydb.as_of;
SET entitydb.as_of = '2020-02-15';
SHOW entitydb.as_of;
SET timezone = 'Asia/Tokyo';
SHOW entitydb.as_of;
SET entitydb.as_of = '2020-02-15 12:00';
SHOW entitydb.as_of;
SET timezone = 'UTC';
SET entitydb.as_of = '2020-02-15 00:00:00.1234567';
SHOW entitydb.as_of;
SET entitydb.as_of = '2020-02-15 00:00:00.123456789+02';
SHOW entitydb.as_of;
SELECT set_config('entitydb.as_of', current_setting('entitydb.as_of'), false);
SET entitydb.as_of = 'infinity';
SHOW entitydb.as_of;
SET entitydb.as_of = '9999-01-01';
SHOW entitydb.as_of;
SET entitydb.as_of = '1066-10-14';
SHOW entitydb.as_of;
SET entitydb.as_of = 'now';
SELECT current_setting('entitydb.as_of')::timestamptz BETWEEN now() - interval '1 minute' AND now() AS now;
SET entitydb.as_of = 'yesterday';
SELECT entitydb.ns(current_setting('entitydb.as_of')) = entitydb.ns('yesterday'::timestamptz) + 999 AS the_end_of_its_microsecond;
-- Bad values leave what was there.
SET entitydb.as_of = 'sometime';
SET entitydb.as_of = '2020-13-01';
SET entitydb.as_of = '2020-01-01 00:00:00.1234567890';
SET entitydb.as_of_system = '''; DROP TABLE entity';
ALTER ROLE CURRENT_USER SET entitydb.as_of = 'never';
-- A relative time in a file would keep the server from starting.
ALTER SYSTEM SET entitydb.as_of = 'yesterday';
SELECT entitydb.ts(entitydb.ns(current_setting('entitydb.as_of'))) = 'yesterday'::timestamptz AS yesterday;
-- All faces.
SET entitydb.as_of = '2020-02-15';
SELECT id, tags, content, updated_at FROM entity ORDER BY id;
SELECT * FROM exact ORDER BY id;
SELECT count(*) FROM entity;
SELECT count(*) FROM entity WHERE tags @> '{n:2}';
SELECT id, ts, op, tag FROM entity_event ORDER BY id, seq;
SELECT count(*) FROM entity_event;
SELECT id, tags, valid_from, valid_to, version FROM entity_version ORDER BY id, version;
SELECT * FROM entity_tag ORDER BY id, tag;
SELECT * FROM entity_facets('n');
SELECT ts, op, tag FROM entity_history('a');
SELECT id, ts, op, tag FROM entity_timeline('2020-01-15');
SELECT id FROM entity WHERE entity_has_tag(tags, 'n:2*');
SELECT count(*) FROM entity_changes();
EXPLAIN (COSTS OFF) SELECT * FROM entity WHERE tags @> '{n:2}';
-- An explicit instant wins on its axis.
SELECT id, tags FROM entity_as_of('2020-03-15') ORDER BY id;
SELECT * FROM entity_facets('n', at => '2020-03-15');
SELECT op, tag FROM entity_diff('a', '2020-02-01', '2020-03-15');
SELECT count(*) FROM entity_as_of('infinity', 'infinity');
EXPLAIN (COSTS OFF) SELECT * FROM entity_as_of('2020-03-15') WHERE tags @> '{n:2}';
SELECT count(*) FROM entity_as_of_snapshot(entity_snapshot());
-- Writes are an error meanwhile.
INSERT INTO entity (id) VALUES ('x');
\echo :LAST_ERROR_SQLSTATE
UPDATE entity SET tags = '{}';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM entity;
\echo :LAST_ERROR_SQLSTATE
COPY entity (id) FROM stdin;
x
\.
\echo :LAST_ERROR_SQLSTATE
INSERT INTO entity_event (id, tag) VALUES ('x', 'y');
\echo :LAST_ERROR_SQLSTATE
TRUNCATE entity;
\echo :LAST_ERROR_SQLSTATE
SELECT entity_put('x', '{}');
\echo :LAST_ERROR_SQLSTATE
SELECT entity_tag('a', 'x');
\echo :LAST_ERROR_SQLSTATE
SELECT entity_delete('a');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM entity FOR UPDATE;
\echo :LAST_ERROR_SQLSTATE
SET entitydb.as_of = '';
SET entitydb.as_of_system = 'infinity';
INSERT INTO entity (id) VALUES ('x');
\echo :LAST_ERROR_SQLSTATE
\set VERBOSITY default
RESET entitydb.as_of_system;
SELECT id FROM entity ORDER BY id;
-- SET LOCAL, RESET, rollback.
BEGIN;
SET LOCAL entitydb.as_of = '2020-02-15';
SELECT id FROM entity ORDER BY id;
COMMIT;
SELECT id FROM entity ORDER BY id;
BEGIN;
SET entitydb.as_of = '2020-02-15';
ROLLBACK;
SHOW entitydb.as_of;
-- Read when the scan begins: neither a plan nor a cursor keeps it, nor changes with it.
SET plan_cache_mode = force_generic_plan;
PREPARE now_there AS SELECT id, tags FROM entity ORDER BY id;
PREPARE counted (text[]) AS SELECT count(*) FROM entity WHERE tags @> $1;
EXECUTE now_there;
SET entitydb.as_of = '2020-02-15';
EXECUTE now_there;
EXECUTE counted ('{type:x}');
SET entitydb.as_of = '2020-01-15';
EXECUTE now_there;
EXECUTE counted ('{type:x}');
BEGIN;
DECLARE there CURSOR FOR SELECT id FROM entity ORDER BY id;
RESET entitydb.as_of;
FETCH ALL FROM there;
COMMIT;
EXECUTE now_there;
EXECUTE counted ('{type:x}');
-- In a function's SET clause, and for a role.
CREATE FUNCTION as_it_was() RETURNS SETOF entity LANGUAGE sql STABLE SET entitydb.as_of = '2020-02-15' AS 'SELECT * FROM entity';
SELECT id, tags FROM as_it_was() ORDER BY id;
SELECT id FROM entity ORDER BY id;
CREATE FUNCTION the_day_before() RETURNS text LANGUAGE sql STABLE SET entitydb.as_of = 'yesterday'
    AS $$SELECT current_setting('entitydb.as_of')$$;
SELECT entitydb.ts(entitydb.ns(the_day_before())) = 'yesterday'::timestamptz AS resolved_at_each_call;
CREATE ROLE regress_entity_past LOGIN;
ALTER ROLE regress_entity_past SET entitydb.as_of = '2020-02-15';
GRANT SELECT ON entity TO regress_entity_past;
\c - regress_entity_past
SHOW entitydb.as_of;
SELECT id FROM entity ORDER BY id;
RESET entitydb.as_of;
SHOW entitydb.as_of;
\c - postgres
DROP OWNED BY regress_entity_past;
DROP ROLE regress_entity_past;
SET timezone = 'UTC';
SET datestyle = 'ISO';
-- The same with everything sealed.
SELECT entitydb.seal('entity') > 0 AS sealed;
SET entitydb.as_of = '2020-02-15';
SELECT id, tags, content, updated_at FROM entity ORDER BY id;
SELECT count(*) FROM entity WHERE tags @> '{n:2}';
SELECT count(*) FROM entity_event;
SELECT id, tags, valid_from, valid_to, version FROM entity_version ORDER BY id, version;
SELECT * FROM entity_tag WHERE tag ^@ 'n:' ORDER BY id, tag;
SELECT * FROM entity_facets('n');
SELECT entitydb.compact('entity') >= 0 AS compacted;
RESET entitydb.as_of;
-- The system axis: what was known at a moment.
SELECT clock_timestamp() AS before \gset
SELECT pg_sleep(0.01);
SELECT entity_put('late', '{type:x}', at => '2020-01-01');
SELECT entity_tag('a', 'late', at => '2020-01-15');
SET entitydb.as_of_system = :'before';
SELECT current_setting('entitydb.as_of_system')::timestamptz = :'before' AS same;
SELECT id, tags FROM entity ORDER BY id;
SELECT count(*) FROM entity WHERE tags @> '{type:x}';
SELECT count(*) FILTER (WHERE id = 'late') AS late, count(*) FROM entity_event;
SELECT id, tags, valid_from::date, valid_to::date FROM entity_version WHERE id IN ('a', 'late') ORDER BY id, version;
SELECT id, tag FROM entity_tag WHERE tag IN ('late', 'n:1') ORDER BY id, tag;
SELECT count(*) FROM entity_as_of('2020-02-15') WHERE id = 'late';
SELECT count(*) FROM entity_as_of('2020-02-15', 'infinity') WHERE id = 'late';
SELECT count(*) FROM entity_changes() WHERE id = 'late';
SELECT count(*) FROM entity_history('late');
SELECT * FROM entity_facets('n', at => '2020-03-15');
SELECT * FROM entity_diff_set('{type:x}', '2019-12-01', '2020-01-20') ORDER BY id;
SELECT at::date, count FROM entity_trend('{type:x}', '2020-01-01', '2020-03-01', '1 month');
SET entitydb.as_of = '2020-01-20';
SELECT id, tags FROM entity ORDER BY id;
SELECT id, tags, valid_from::date, valid_to::date FROM entity_version ORDER BY id, version;
EXPLAIN (COSTS OFF) SELECT * FROM entity_as_of('2020-02-15', 'infinity');
RESET entitydb.as_of_system;
SELECT id, tags FROM entity ORDER BY id;
SELECT id, tags, valid_from::date, valid_to::date FROM entity_version ORDER BY id, version;
RESET entitydb.as_of;
-- Below the floor of system time.
TRUNCATE entity;
SET entitydb.as_of_system = :'before';
\set VERBOSITY sqlstate
SELECT * FROM entity;
SELECT * FROM entity_event;
SELECT * FROM entity_tag;
SELECT * FROM entity_facets('n');
