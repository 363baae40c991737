-- A role sees what it was granted, through whatever it asks: statements, functions, markers, views, plans, statistics.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION tried(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows bigint;
BEGIN
    EXECUTE statement;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN format('may (%s): %s', rows, statement);
EXCEPTION WHEN OTHERS THEN
    RETURN format('%s %s: %s', SQLSTATE, SQLERRM, statement);
END
$$;
CREATE ROLE regress_owner;
CREATE ROLE regress_nobody;
CREATE ROLE regress_reader;
CREATE ROLE regress_columns;
CREATE ROLE regress_viewer;
GRANT CREATE, USAGE ON SCHEMA public TO regress_owner;
SET ROLE regress_owner;
SELECT entity_create('safe');
SELECT entity_create('other');
INSERT INTO safe (id, tags, content, created_at) VALUES ('pub', '{level:open,kind:doc}', 'one', '2020-01-01'),
    ('sec', '{level:secret,kind:doc}', 'two', '2020-01-01');
INSERT INTO other (id, tags) VALUES ('x', '{y}');
CREATE FOREIGN TABLE narrow (id text, created_at timestamptz) SERVER entitydb OPTIONS (dataset 'safe');
CREATE VIEW open_docs WITH (security_barrier) AS SELECT id, tags, content FROM safe WHERE NOT tags @> '{level:secret}';
GRANT SELECT ON safe TO regress_reader;
GRANT SELECT ON narrow TO regress_reader, regress_columns;
GRANT SELECT (id, created_at) ON safe TO regress_columns;
GRANT SELECT, UPDATE, DELETE ON open_docs TO regress_viewer;
-- There is something to see in every view of what is administered.
SELECT entitydb.set_retention('other', '1000 years', '{y}'), entitydb.hold('other', '{held}');

-- Every way to read, by every role.
RESET ROLE;
CREATE TABLE ways (n int GENERATED ALWAYS AS IDENTITY, statement text);
GRANT SELECT ON ways TO PUBLIC;
INSERT INTO ways (statement) VALUES
    ('SELECT id FROM safe'),
    ('SELECT * FROM safe'),
    ('SELECT tags FROM safe'),
    ('SELECT tableoid, ctid FROM safe'),
    ('SELECT safe FROM safe'),
    ('SELECT id FROM safe WHERE tags @> ''{level:secret}'''),
    ('SELECT count(*) FROM safe'),
    ('SELECT 1 FROM safe'),
    ('EXPLAIN SELECT id FROM safe'),
    ('EXPLAIN SELECT 1 FROM safe WHERE tags @> ''{level:secret}'''),
    ('SELECT id FROM safe FOR UPDATE'),
    ('COPY (SELECT id FROM safe) TO ''/dev/null'''),
    ('SELECT op FROM safe_event'),
    ('SELECT * FROM safe_as_of(''2021-01-01'')'),
    ('SELECT id FROM safe_as_of(''2021-01-01'')'),
    ('SELECT id FROM safe_as_of(''2021-01-01'', now())'),
    ('SELECT id FROM safe_as_of_ns(1)'),
    ('SELECT id FROM safe WHERE entitydb.at(tableoid, now(), NULL)'),
    ('SELECT * FROM safe_history(''sec'')'),
    ('SELECT * FROM safe_timeline(''-infinity'')'),
    ('SELECT * FROM safe_diff(''sec'', ''2019-01-01'', ''2021-01-01'')'),
    ('SELECT * FROM safe_facets(''level'')'),
    ('SELECT * FROM entitydb.facets(''safe'', ''level'', ''{}'', NULL)'),
    ('SELECT * FROM entitydb.facets(''narrow'', ''level'', ''{}'', NULL)'),
    ('SELECT * FROM entitydb.facets(''safe_event'', ''level'', ''{}'', NULL)'),
    ('SELECT * FROM entitydb.facets(''open_docs'', ''level'', ''{}'', NULL)'),
    ('SELECT * FROM entitydb.facets(''pg_class'', ''level'', ''{}'', NULL)'),
    ('SELECT * FROM entitydb.facets(1, ''level'', ''{}'', NULL)'),
    ('SELECT * FROM safe_version'),
    ('SELECT * FROM safe_tag'),
    ('SELECT id FROM safe_as_of_snapshot(safe_snapshot())'),
    ('SELECT id FROM safe WHERE entitydb.at_snapshot(tableoid, pg_current_snapshot(), NULL)'),
    ('SELECT id FROM safe_changes()'),
    ('SELECT id FROM safe_event WHERE entitydb.since(tableoid, NULL)'),
    ('SELECT * FROM safe_diff_set(''{kind:doc}'', ''2019-01-01'', ''2021-01-01'')'),
    ('SELECT * FROM safe_trend(''{level:secret}'', ''2020-01-01'', ''2020-01-03'', ''1 day'')'),
    ('SELECT * FROM safe_trend_by(''level'', ''{}'', ''2020-01-01'', ''2020-01-03'', ''1 day'')'),
    ('SELECT * FROM safe_related(''sec'', ''level'')'),
    ('SELECT * FROM safe_referrers(''secret'', ''level'')'),
    ('SELECT * FROM entitydb.trend(''narrow'', ''{level:secret}'', ''2020-01-01'', ''2020-01-03'', ''1 day'')'),
    ('SELECT * FROM entitydb.trend_by(''narrow'', ''level'', ''{}'', ''2020-01-01'', ''2020-01-03'', ''1 day'')'),
    ('SELECT * FROM entitydb.diff_set(''narrow'', ''{level:secret}'', ''2020-01-01'', ''2020-01-03'')'),
    ('SELECT safe_namespace(''level'', ''one'')'),
    ('SELECT entitydb.declare(''narrow'', ''level'', ''one'')'),
    ('SELECT entitydb.set_cardinality(2, ''level'', true)'),
    ('INSERT INTO entitydb.namespace VALUES (''safe'', ''level'', ''one'')'),
    ('SELECT id FROM narrow'),
    ('SELECT id FROM open_docs'),
    ('SELECT id FROM open_docs WHERE tags @> ''{level:secret}'''),
    ('SELECT id FROM open_docs FOR UPDATE'),
    ('SELECT id FROM other'),
    ('SELECT * FROM other_facets(''y'')'),
    ('SELECT entity_drop(''safe'')'),
    ('SELECT entitydb.remove_dataset(''safe'')'),
    ('SELECT entitydb.seal(''safe'')'),
    ('SELECT entitydb.compact(''safe'')'),
    ('SELECT * FROM entitydb.verify(''safe'')'),
    ('SELECT entitydb.erase(''safe'', ''{sec}'', ''x'')'),
    ('SELECT entitydb.set_notify(''safe'', true)'),
    ('SELECT entitydb.set_retention(''safe'', keep => ''1 day'')'),
    ('SELECT entitydb.hold(''safe'', ''{}'')'),
    ('SELECT entitydb.release(''safe'', ''{}'')'),
    ('SELECT entitydb.put_retention(''owned'', ''1 day'', ''{}'', NULL)'),
    ('SELECT * FROM entitydb.policies(''owned'')'),
    ('SELECT entitydb.put_hold(''owned'', ''{}'', true)'),
    ('SELECT entitydb.note_floor(2, 1, ''1'', now(), ''{}'', ''{}'')'),
    ('SELECT entitydb.forget_floor(2, ''owned'')'),
    ('SELECT entitydb.forget_dataset(''owned'')'),
    ('SELECT entitydb.truncate_floor(2, ''owned'')'),
    ('SELECT entitydb.forget_floors_of(2, ''{0}'')'),
    ('SELECT * FROM entitydb.retention_policy'),
    ('SELECT * FROM entitydb.hold_policy'),
    ('SELECT * FROM entitydb.floor'),
    ('SELECT * FROM entitydb.entity_floor'),
    ('SELECT * FROM entitydb.floor_mark'),
    ('DELETE FROM entitydb.holds'),
    ('UPDATE entitydb.retention SET keep = NULL'),
    ('SELECT * FROM entitydb.retention'),
    ('SELECT * FROM entitydb.holds'),
    ('SELECT * FROM entitydb.erasure'),
    ('SELECT * FROM entitydb.transaction'),
    ('SELECT * FROM entitydb.stat_dataset'),
    ('SELECT * FROM entitydb.stat_segment'),
    ('SELECT * FROM entitydb.dataset'),
    ('SELECT truncated_at, notify FROM entitydb.dataset'),
    ('SELECT entitydb.note_erasure(1, ''1'', 1, 1, ''x'', ''1'')'),
    ('SELECT entitydb.rewrite_delta(1)'),
    ('SELECT entitydb.note_done(''{1}'', ''{}'')'),
    ('SELECT * FROM entitydb.erasure_log'),
    ('SELECT * FROM entitydb.database'),
    ('SELECT * FROM entitydb.written'),
    ('SELECT entitydb.check_face(''safe'')'),
    ('SELECT entitydb.make_functions(''safe'')'),
    ('SELECT entitydb.grant_dataset(''safe'', current_user)'),
    ('SELECT entitydb.revoke_dataset(''safe'', ''regress_owner'')'),
    ('SELECT entitydb.make_dataset(''new'', 10)'),
    ('SELECT entitydb.drop_dataset(''safe'')'),
    ('SELECT entitydb.adopt_dataset(1, 10)'),
    ('SELECT * FROM entitydb.segment'),
    ('SELECT * FROM entitydb.removed'),
    ('SELECT * FROM entitydb.dataset'),
    ('SELECT nextval(''entitydb.segment_position'')'),
    ('UPDATE entitydb.dataset SET name = ''mine'''),
    ('INSERT INTO entitydb.removed VALUES (''f'', ''1'')'),
    ('CREATE FOREIGN TABLE mine (id text) SERVER "dataset safe" OPTIONS (dataset ''safe'')'),
    ('ALTER SERVER "dataset safe" OWNER TO CURRENT_USER'),
    ('DROP SERVER "dataset safe"'),
    ('CREATE TABLE entitydb.mine ()');
INSERT INTO ways (statement)
SELECT w.statement FROM entitydb.dataset d CROSS JOIN LATERAL (VALUES (1, format('SELECT * FROM entitydb.delta_%s', d.id)),
    (2, format('INSERT INTO entitydb.delta_%s VALUES (1, 1, 1, 1, ''1'', 1, '''')', d.id)),
    (3, format('SELECT nextval(''entitydb.ordinal_%s'')', d.id)),
    (4, format('SELECT * FROM entitydb.lock_%s', d.id))) w (n, statement)
WHERE d.name = 'safe' ORDER BY w.n;

SET ROLE regress_nobody;
SELECT tried(statement) FROM ways ORDER BY n;
SET ROLE regress_reader;
SELECT tried(statement) FROM ways ORDER BY n;
SET ROLE regress_columns;
SELECT tried(statement) FROM ways ORDER BY n;
SET ROLE regress_viewer;
SELECT tried(statement) FROM ways ORDER BY n;

-- What the view hides is given to no function of the caller's, be it read, updated or deleted; what cannot tell is pushed.
RESET ROLE;
GRANT CREATE ON SCHEMA public TO regress_viewer;
SET ROLE regress_viewer;
CREATE FUNCTION leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
    RAISE NOTICE 'seen: %', $1;
    RETURN true;
END
$$;
CREATE FUNCTION leak(text[]) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
BEGIN
    RAISE NOTICE 'seen: %', $1;
    RETURN true;
END
$$;
SELECT id FROM open_docs WHERE leak(id);
UPDATE open_docs SET tags = tags || '{seen}' WHERE leak(id) AND leak(tags);
DELETE FROM open_docs WHERE leak(tags) AND id = 'sec';
UPDATE open_docs SET tags = '{}' WHERE tags @> '{level:secret}';
\pset tuples_only off
EXPLAIN (COSTS OFF) SELECT id FROM open_docs WHERE id = 'sec' AND leak(id);
EXPLAIN (COSTS OFF) UPDATE open_docs SET tags = '{}' WHERE leak(id) AND tags @> '{kind:doc}';
-- The estimate behind a barrier tells nothing of how many there are.
RESET ROLE;
INSERT INTO safe (id, tags) SELECT 'n' || n, ARRAY['level:secret', 'half:' || n % 2, 'all'] FROM generate_series(1, 1000) n;
SELECT entitydb.seal('safe') > 0 AS sealed;
SET ROLE regress_viewer;
CREATE FUNCTION estimate(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT json) ' || statement INTO plan;
    RETURN plan #> '{0,Plan,Plans,0,Plan Rows}';
END
$$;
SELECT estimate($$UPDATE open_docs SET tags = '{}' WHERE tags @> '{all}'$$)
    = estimate($$UPDATE open_docs SET tags = '{}' WHERE tags @> '{nothing}'$$) AS alike;

-- The values of a tag column in rows that a barrier hides are given to no operator that could tell of them.
SET ROLE regress_owner;
CREATE FOREIGN TABLE rated (id text, level text, rank int) SERVER entitydb OPTIONS (dataset 'other');
INSERT INTO rated (id, level, rank) VALUES ('pub', 'open', 1), ('sec', 'secret', 7);
CREATE VIEW open_rated WITH (security_barrier) AS SELECT id, level, rank FROM rated WHERE level = 'open';
GRANT SELECT, UPDATE ON open_rated TO regress_viewer;
SELECT entitydb.erase('other', '{x}', 'a reason') > 0 AS erased;
SET ROLE regress_viewer;
SELECT id FROM open_rated WHERE 1 / (rank - 7) < 1;
UPDATE open_rated SET rank = 2 WHERE 1 / (rank - 7) < 1;
UPDATE open_rated SET rank = 3 WHERE rank < 3 AND leak(level);
UPDATE open_rated SET rank = 3 WHERE rank = 7;
EXPLAIN (COSTS OFF) UPDATE open_rated SET rank = 3 WHERE rank = 7 AND 1 / (rank - 7) < 1;
-- What a view hides now, it hides whatever instant the session is bound to: who may read the view alone reads it as of now.
RESET ROLE;
INSERT INTO safe (id, tags, content, created_at) VALUES ('late', '{kind:doc}', 'three', '2020-01-01');
SELECT safe_tag('late', 'level:secret', at => '2021-01-01');
SET ROLE regress_viewer;
SELECT id FROM open_docs;
SET entitydb.as_of = '2020-06-01';
SELECT id FROM open_docs;
SELECT count(*) FROM open_docs;
UPDATE open_docs SET tags = '{}';
SET entitydb.as_of = '';
SET entitydb.as_of_system = '2020-06-01';
SELECT id FROM open_docs;
SET ROLE regress_owner;
SELECT id FROM open_docs;
RESET entitydb.as_of_system;
SET entitydb.as_of = '2020-06-01';
SELECT id FROM open_docs ORDER BY id;
RESET ROLE;
SELECT id FROM open_docs ORDER BY id;
RESET entitydb.as_of;
SET ROLE regress_viewer;
-- Statistics are for those who administer the dataset and for pg_read_all_stats.
SELECT dataset FROM entitydb.stat_dataset;
SELECT * FROM entitydb.stat_segment;
SELECT * FROM entitydb.stat_dataset WHERE leak(dataset);
SELECT * FROM entitydb.stat_segment WHERE leak(dataset);
SELECT * FROM entitydb.transaction WHERE leak(role);
SELECT * FROM entitydb.erasure WHERE leak(dataset);
SELECT * FROM entitydb.retention WHERE leak(dataset);
SELECT * FROM entitydb.holds WHERE leak(dataset);
SELECT count(*) FROM pg_stats WHERE schemaname = 'entitydb';
SET ROLE regress_reader;
SELECT dataset FROM entitydb.stat_dataset;
SET ROLE regress_owner;
SELECT dataset, owner, events FROM entitydb.stat_dataset ORDER BY dataset;
SELECT count(*) > 0 AS some FROM entitydb.stat_segment WHERE dataset = 'safe';
SELECT * FROM entitydb.retention;
SELECT * FROM entitydb.holds;
SELECT dataset, ids, entities, reason FROM entitydb.erasure;
SELECT count(*) > 0 AS some FROM entitydb.transaction;
RESET ROLE;
GRANT pg_read_all_stats TO regress_reader;
SET ROLE regress_reader;
SELECT dataset FROM entitydb.stat_dataset ORDER BY dataset;
SELECT dataset, count(*) > 0 AS some FROM entitydb.stat_segment GROUP BY dataset;
SELECT * FROM entitydb.retention;
SELECT * FROM entitydb.holds;
SELECT dataset, ids, entities, reason FROM entitydb.erasure;
-- To see how it is administered is not to administer it.
SELECT entitydb.release('other', '{held}');
SELECT entitydb.erase('other', '{x}', 'r');
RESET ROLE;
-- To read all data is not to administer it.
CREATE ROLE regress_all IN ROLE pg_read_all_data, pg_write_all_data;
GRANT CREATE ON SCHEMA public TO regress_all;
SET ROLE regress_all;
SELECT count(*) > 1 AS reads FROM safe;
SELECT entitydb.seal('safe');
CREATE FOREIGN TABLE mine (id text) SERVER entitydb OPTIONS (dataset 'safe');
RESET ROLE;
DROP FUNCTION leak(text), leak(text[]), estimate(text);
DROP OWNED BY regress_all, regress_reader, regress_columns, regress_viewer;
SET ROLE regress_owner;
DROP VIEW open_docs, open_rated;
SELECT entity_drop('safe');
SELECT entitydb.release('other', '{held}');
SELECT entity_drop('other');
RESET ROLE;
DROP OWNED BY regress_owner;
DROP ROLE regress_owner, regress_nobody, regress_reader, regress_columns, regress_viewer, regress_all;
