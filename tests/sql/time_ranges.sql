-- Ranges of instants, and prefixes of ids, are the scan's, and select what PostgreSQL's own filter selects.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FOREIGN TABLE fine (id text COLLATE "C", tags text[] COLLATE "C", created_at timestamptz, created_at_ns bigint,
    updated_at timestamptz, updated_at_ns bigint) SERVER entitydb OPTIONS (dataset 'entity');
-- Two runs far apart in time, a delta, instants within one microsecond, and instants before 1970.
INSERT INTO fine (id, tags, created_at_ns)
SELECT 'a' || lpad(i::text, 3, '0'), ARRAY['kind:' || i % 3], 1500000000000000000 + i FROM generate_series(1, 400) i;
SELECT entitydb.seal('entity');
INSERT INTO fine (id, tags, created_at) SELECT 'b' || i, '{kind:1}', '1960-01-01'::timestamptz + i * interval '1 day'
FROM generate_series(1, 20) i;
UPDATE fine SET tags = tags || '{x}', updated_at = '2020-06-01' WHERE id LIKE 'a00_';
SELECT entitydb.seal('entity');
UPDATE fine SET tags = '{y}', updated_at_ns = 1600000000000000999 WHERE id = 'a010';
SELECT entity_delete('a011', '2021-01-01');
INSERT INTO fine (id, tags, created_at) VALUES ('a011', '{again}', '2022-01-01'), ('ab%', '{kind:1}', '2022-01-01'),
    ('ab_', '{kind:1}', '2022-01-01'), ('a\b', '{kind:1}', '2022-01-01'), ('é', '{kind:2}', '2022-01-01'), ('éa', '{kind:2}', '2022-01-02');

EXPLAIN (COSTS OFF) SELECT id FROM fine WHERE created_at >= '2020-01-01' AND updated_at < '2021-01-01' AND tags @> '{x}';
EXPLAIN (COSTS OFF) SELECT count(*) FROM fine WHERE updated_at_ns BETWEEN 5 AND 1600000000000000999 OR created_at <> '2022-01-01';
EXPLAIN (COSTS OFF) SELECT id FROM fine WHERE id LIKE 'a00%' AND id ^@ 'a' AND starts_with(id, 'a0') AND id NOT LIKE 'a001';
EXPLAIN (COSTS OFF) SELECT id FROM fine WHERE id LIKE 'a0%1' AND updated_at + interval '1 day' > '2020-01-01';
EXPLAIN (COSTS OFF) SELECT id FROM fine WHERE date_trunc('day', created_at) = '2022-01-01';

CREATE FUNCTION compared(clause text) RETURNS TABLE (scan text, local text, count bigint) LANGUAGE plpgsql AS $$
DECLARE
    plan text := '';
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN SELECT id FROM fine WHERE ' || clause LOOP
        plan := plan || line;
    END LOOP;
    ASSERT plan !~ 'Filter' OR plan ~ 'One-Time Filter: false', plan;
    EXECUTE 'SELECT string_agg(id, '','' ORDER BY id) FROM fine WHERE ' || clause INTO scan;
    EXECUTE 'SELECT string_agg(id, '','' ORDER BY id) FROM fine WHERE (' || clause || ') IS TRUE' INTO local;
    EXECUTE 'SELECT count(*) FROM fine WHERE ' || clause INTO count;
    RETURN NEXT;
END $$;
SELECT clause, t.count, t.scan IS NOT DISTINCT FROM t.local AND t.count = coalesce(cardinality(string_to_array(t.local, ',')), 0) AS same
FROM unnest(ARRAY[
    'created_at >= ''2020-01-01''', 'created_at > ''2022-01-01''', 'created_at = ''2022-01-01''', 'created_at <> ''2022-01-01''',
    'created_at < ''1960-01-03''', 'created_at <= ''1960-01-03''', '''1960-01-03'' >= created_at', '''2022-01-01'' < created_at',
    'created_at = to_timestamp(1500000000)', 'created_at > to_timestamp(1500000000)', 'created_at < to_timestamp(1500000000)',
    'created_at_ns <= 1500000000000000100', 'created_at_ns > 1500000000000000100', 'created_at_ns = 1500000000000000100',
    'created_at_ns < 0', 'created_at_ns > -7', '7 < created_at_ns', 'created_at_ns BETWEEN -315000000000000000 AND 0',
    'updated_at >= ''2020-06-01''', 'updated_at > ''2020-06-01''', 'updated_at = ''2020-06-01''', 'updated_at_ns = 1600000000000000999',
    'updated_at = to_timestamp(1600000000)', 'updated_at < ''infinity''', 'updated_at > ''-infinity''', 'updated_at = ''infinity''',
    'updated_at <= ''-infinity''', 'updated_at > ''200000-01-01''', 'updated_at < ''200000-01-01''', 'updated_at < ''4713-01-01 BC''',
    'updated_at > ''4713-01-01 BC''', 'updated_at = NULL', 'NOT updated_at > ''2020-01-01''', 'NOT (created_at > NULL OR tags @> ''{y}'')',
    'tags @> ''{kind:1}'' AND created_at > ''2020-01-01''',
    'tags @> ''{y}'' OR created_at = ''2022-01-01''', 'id > ''a3'' AND updated_at < ''2021-01-01''',
    'id = ''a010'' AND updated_at > ''2020-08-01''', 'id = ''a010'' AND updated_at > ''2020-10-01''',
    'NOT (tags @> ''{kind:1}'' AND NOT created_at > ''2000-01-01'')', 'NOT (id < ''b'' OR updated_at < ''1960-01-10'')',
    'id LIKE ''a00%''', 'id LIKE ''a001''', 'id LIKE ''%''', 'id LIKE ''''', 'id NOT LIKE ''a%''', 'id LIKE ''ab\%''', 'id LIKE ''ab\_''',
    'id LIKE ''ab\_%''', 'id LIKE ''a\\b''', 'id LIKE ''é%''', 'id LIKE ''a1%%''', 'id ^@ ''ab''', 'id ^@ ''''', 'starts_with(id, ''é'')',
    'NOT id ^@ ''a''', 'id ^@ NULL', 'id LIKE ''a0%'' AND updated_at >= ''2020-01-01'''
]) clause, compared(clause) t;
-- What cannot be pushed down is filtered.
SELECT count(*) FROM fine WHERE id LIKE 'a_0%';
SELECT count(*) FROM fine WHERE updated_at > created_at;
-- As of an instant, created_at and updated_at are those of then; an instant of a parameter is taken anew.
SELECT count(*) FROM entity_as_of('2020-01-01') WHERE updated_at >= '2020-06-01';
SELECT count(*) FROM entity_as_of('2020-07-01') WHERE updated_at >= '2020-06-01';
SELECT id, updated_at FROM entity_as_of('2020-07-01') WHERE updated_at >= '2020-06-01' AND tags @> '{kind:1}' ORDER BY id;
SELECT d, (SELECT count(*) FROM fine WHERE created_at < d AND updated_at >= d) FROM unnest('{1960-01-05,2019-01-01,2021-01-01,NULL}'::timestamptz[]) d;
SET plan_cache_mode = force_generic_plan;
PREPARE since(timestamptz) AS SELECT count(*) FROM fine WHERE updated_at > $1;
EXECUTE since('2020-01-01');
EXECUTE since('2020-08-01');
EXECUTE since(NULL);
SELECT f.id, f.updated_at FROM fine f JOIN (VALUES ('2022-01-02'::timestamptz)) v (at) ON f.updated_at >= v.at;
-- Few entities changed since: only their run and the delta are looked at.
EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM fine WHERE updated_at >= '2020-01-01';
EXPLAIN (COSTS OFF, ANALYZE, TIMING OFF, SUMMARY OFF) SELECT count(*) FROM fine WHERE updated_at >= '2022-01-01';
-- LIMIT stops early, and DML takes the same rows.
SELECT count(*) FROM (SELECT id FROM fine WHERE created_at < '2018-01-01' LIMIT 5) l;
DELETE FROM fine WHERE created_at < '1960-01-05';
UPDATE fine SET tags = tags || '{touched}' WHERE updated_at = '2020-06-01' AND id LIKE 'a00%' RETURNING id;
SELECT count(*) FROM fine WHERE updated_at = '2020-06-01';
DROP FOREIGN TABLE fine;
