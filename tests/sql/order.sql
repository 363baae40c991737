-- Orders that the scan gives: by id along the ids, by instants and numbers in batches; LIMIT ends the work.
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP RETURN NEXT line; END LOOP;
END
$$;
CREATE FOREIGN TABLE s (id text COLLATE "C", tags text[], created_at timestamptz, updated_at timestamptz, updated_at_ns bigint,
    version bigint) SERVER entitydb OPTIONS (dataset 'entity');
CREATE FOREIGN TABLE linguistic (id text COLLATE "en-x-icu") SERVER entitydb OPTIONS (dataset 'entity');
-- Ids in no order of their ordinals, many of one instant, some later, some unsealed, one deleted, one to come.
SET entitydb.bulk_threshold = 100;
INSERT INTO entity (id, tags, created_at) SELECT 'id' || i * 7919 % 2003, ARRAY['all', 'mod:' || i % 10],
    '2020-01-01'::timestamptz + i / 100 * interval '1 hour' FROM generate_series(1, 2000) i;
RESET entitydb.bulk_threshold;
INSERT INTO entity_event (id, ts, op, tag) SELECT 'id' || i * 7919 % 2003, '2021-01-01'::timestamptz + i % 5 * interval '1 day', 'assert', 'late'
FROM generate_series(1, 2000, 3) i;
INSERT INTO entity (id, tags, created_at) VALUES ('Zebra', '{all}', '2019-01-01'), ('é', '{all}', '2022-01-01'), ('id', '{all}', '2020-01-05');
SELECT entity_delete('id1000', at => '2021-06-01');
SELECT entity_put('id1001x', '{all}', at => '2100-01-01');
-- What an order says is what sorting says: each face, each order, up and down, with and without a LIMIT.
CREATE TABLE states AS SELECT *, row_number() OVER () AS n FROM s;
CREATE FUNCTION same(what text, face text, sorted text, conditions text DEFAULT 'true') RETURNS TABLE (ordered boolean, same boolean, part boolean)
LANGUAGE plpgsql AS $$
DECLARE
    query text := format('SELECT %s FROM %s WHERE %s ORDER BY %s', what, face, conditions, sorted);
    by_scan text[]; by_sort text[]; by_part text[];
BEGIN
    SELECT NOT string_agg(p, ' ') ~ 'Sort' AND string_agg(p, ' ') ~ 'Order:' INTO ordered FROM plan(query || ' LIMIT 10') p;
    EXECUTE format('SELECT array_agg(r::text) FROM (%s LIMIT 4000) r', query) INTO by_scan;
    EXECUTE format('SELECT array_agg(r::text) FROM (%s LIMIT 7 OFFSET 3) r', query) INTO by_part;
    EXECUTE format('SELECT array_agg(r::text) FROM (WITH f AS MATERIALIZED (SELECT * FROM %s WHERE %s) SELECT %s FROM f ORDER BY %s) r',
        face, conditions, what, sorted) INTO by_sort;
    same := coalesce(by_scan, '{}') = coalesce(by_sort[1:4000], '{}');
    part := coalesce(by_part, '{}') = coalesce(by_sort[4:10], '{}');
    RETURN NEXT;
END
$$;
CREATE FUNCTION check_all() RETURNS TABLE (face text, sorted text, conditions text, ordered boolean, same boolean, part boolean) LANGUAGE sql AS $$
    SELECT v.f, v.o, v.c, t.* FROM (VALUES
        ('id', 's', 'id', 'true'), ('id', 's', 'id DESC', 'true'), ('id, tags', 's', 'id', 'tags @> ''{mod:3}'''),
        ('id', 's', 'id', 'tags @> ''{none}'''), ('id', 's', 'id', 'id > ''id1500'' AND id <= ''id19'''),
        ('id, updated_at', 's', 'id DESC', 'id >= ''id1'' AND id < ''id2'' AND tags @> ''{late}'''), ('id', 's', 'id', 'updated_at > ''2020-12-31'''),
        ('id', 's', 'id', 'id = ANY (''{id7,é,id5,none,id1000}'')'), ('id', 's', 'id DESC', 'NOT tags @> ''{late}'' AND length(id) = 3'),
        ('updated_at', 's', 'updated_at', 'true'), ('updated_at, id', 's', 'updated_at DESC, id', 'true'),
        ('updated_at_ns, id', 's', 'updated_at_ns, id DESC', 'tags @> ''{mod:3}'''), ('created_at, version, id', 's', 'created_at, version DESC, id', 'true'),
        ('version', 's', 'version', 'id <> ''é'''), ('id', 'entity_as_of(''2020-01-01 05:00'')', 'id', 'true'),
        ('id, updated_at', 'entity_as_of(''2021-01-03'')', 'updated_at, id', 'tags @> ''{all}'''),
        ('ts', 'entity_event', 'ts', 'true'), ('ts, id, seq', 'entity_event', 'ts DESC, id, seq', 'true'), ('id, ts_ns, seq', 'entity_event', 'ts_ns, id, seq', 'ts > ''2020-12-01'''),
        ('seq, id', 'entity_event', 'seq DESC, id DESC', 'id < ''id12'''), ('id, ts, seq', 'entity_event', 'id, seq', 'op = ''assert'''),
        ('id, valid_from, version', 'entity_version', 'valid_from DESC, id, version', 'true'), ('id, version', 'entity_version', 'id, version DESC', 'tags @> ''{late}'''),
        ('id, tag, valid_from', 'entity_tag', 'tag, id, valid_from', 'true'), ('id, tag, valid_from', 'entity_tag', 'valid_from, tag DESC, id', 'tag ^@ ''mod:''')
    ) v (w, f, o, c), same(v.w, v.f, v.o, v.c) t
$$;
SET enable_sort = off;
SELECT * FROM check_all();
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT face, sorted, conditions FROM check_all() t WHERE NOT (t.ordered AND t.same AND t.part);
SELECT entitydb.compact('entity') > 0 AS compacted;
SELECT face, sorted, conditions FROM check_all() t WHERE NOT (t.ordered AND t.same AND t.part);
RESET enable_sort;
-- As EXPLAIN says it.
SELECT plan('SELECT id FROM entity WHERE tags @> ''{late}'' ORDER BY id DESC LIMIT 3');
SELECT id FROM entity WHERE tags @> '{late}' ORDER BY id DESC LIMIT 3;
SELECT plan('SELECT id FROM entity ORDER BY updated_at DESC LIMIT 3');
SELECT plan('SELECT id FROM entity_event ORDER BY ts LIMIT 3');
SELECT plan('SELECT ts, op FROM entity_history(''id7'') LIMIT 3');
SELECT ts, op FROM entity_history('id7') LIMIT 3;
SELECT plan('SELECT id, ts FROM entity_timeline(''2020-12-01'') LIMIT 3');
SELECT id, ts FROM entity_timeline('2020-12-01') LIMIT 3;
SELECT min(id), max(id) FROM entity;
-- Page after page.
WITH RECURSIVE page (id, n) AS (
    SELECT ''::text COLLATE "C", 0
    UNION ALL
    SELECT (SELECT max(e.id) FROM (SELECT e.id FROM s e WHERE e.id > p.id ORDER BY e.id LIMIT 500) e), p.n + 1 FROM page p WHERE p.id IS NOT NULL
)
SELECT * FROM page;
-- Orders that are not those of the scan's bytes, and of what is NULL, are PostgreSQL's; so are those of locked rows.
SELECT plan('SELECT id FROM linguistic ORDER BY id LIMIT 3');
SELECT plan('SELECT id FROM entity_version ORDER BY valid_to LIMIT 3');
SELECT plan('SELECT id FROM entity ORDER BY content LIMIT 3');
SELECT plan('SELECT id FROM entity ORDER BY id LIMIT 3 FOR UPDATE');
SELECT id FROM entity ORDER BY id LIMIT 3 FOR UPDATE;
-- To sort all rows, or many, is left to PostgreSQL, but for those of a few entities.
SELECT plan('SELECT id FROM entity ORDER BY updated_at');
SELECT plan('SELECT id FROM entity ORDER BY updated_at LIMIT 100000');
SELECT plan('SELECT * FROM entity_event WHERE id = ''id7'' ORDER BY ts');
SELECT plan('SELECT id FROM entity ORDER BY id');
-- A part of what is asked is the scan's; a merge join takes what it gets.
SELECT plan('SELECT id FROM entity ORDER BY id, tags LIMIT 3');
SELECT plan('SELECT * FROM (SELECT id FROM entity ORDER BY id LIMIT 3) a JOIN (SELECT id FROM entity ORDER BY id LIMIT 4) b USING (id) ORDER BY id');
SELECT id FROM (SELECT id FROM entity ORDER BY id LIMIT 3) a JOIN (SELECT id FROM entity ORDER BY id LIMIT 4) b USING (id) ORDER BY id;
-- Rescans, cursors, prepared plans.
SELECT w, e.id FROM unnest('{mod:1,mod:2}'::text[]) w, LATERAL (SELECT id FROM entity e WHERE e.tags @> ARRAY[w] ORDER BY id LIMIT 2) e ORDER BY w COLLATE "C", e.id;
SET plan_cache_mode = force_generic_plan;
PREPARE newest (text[], int) AS SELECT id, updated_at FROM entity WHERE tags @> $1 ORDER BY updated_at DESC, id LIMIT $2;
EXECUTE newest ('{mod:1}', 2);
EXECUTE newest ('{late}', 1);
EXECUTE newest (NULL, 1);
BEGIN;
DECLARE c SCROLL CURSOR FOR SELECT id FROM entity ORDER BY id;
FETCH 2 FROM c;
FETCH BACKWARD 1 FROM c;
FETCH LAST FROM c;
COMMIT;
SET entitydb.as_of = '2020-01-01 00:30';
SELECT count(*) FROM (SELECT id FROM entity ORDER BY id LIMIT 200) e;
SELECT id FROM entity ORDER BY id DESC LIMIT 2;
SELECT ts, id FROM entity_event ORDER BY ts DESC, id LIMIT 2;
