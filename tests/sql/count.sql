-- count(*) is answered by the scan where every clause is the scan's, and says what counting the rows says.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity (id, tags, content, created_at)
SELECT 'e' || lpad(i::text, 4, '0'), ARRAY['type:t' || i % 3, 'status:s' || i % 4, 'n:' || i], 'x', '2020-01-01'
FROM generate_series(1, 600) i;
SELECT entitydb.seal('entity');
UPDATE entity SET tags = array_replace(tags, 'status:s1', 'status:s2'), updated_at = '2021-01-01' WHERE id < 'e0100';
SELECT entitydb.seal('entity');
DELETE FROM entity WHERE id BETWEEN 'e0200' AND 'e0220';
UPDATE entity SET tags = tags || '{late}', updated_at = '2022-01-01' WHERE id BETWEEN 'e0300' AND 'e0310';
INSERT INTO entity (id, tags, created_at) VALUES ('new', '{type:t0}', '2022-01-01'), ('bare', '{}', '2022-01-01');

-- What is one scan, and what is not.
EXPLAIN (COSTS OFF) SELECT count(*) FROM entity WHERE tags @> '{type:t1,status:s2}' AND NOT 'late' = ANY (tags);
EXPLAIN (COSTS OFF, VERBOSE) SELECT count(*) + 1 AS more, count(id) FROM entity_as_of('2020-06-01') e WHERE id < 'e03';
EXPLAIN (COSTS OFF) SELECT count(*) FROM entity WHERE tags @> '{type:t1}' AND length(id) > 3;
EXPLAIN (COSTS OFF) SELECT count(*) FILTER (WHERE id > 'e03') FROM entity;
EXPLAIN (COSTS OFF) SELECT count(content) FROM entity;
EXPLAIN (COSTS OFF) SELECT count(DISTINCT id) FROM entity;
EXPLAIN (COSTS OFF) SELECT count(*) FROM entity HAVING count(*) > 3;
EXPLAIN (COSTS OFF) SELECT id, count(*) FROM entity WHERE id = 'e0001' GROUP BY id;
EXPLAIN (COSTS OFF) SELECT count(*) FROM entity_event;
EXPLAIN (COSTS OFF) SELECT count(*) FROM entity a JOIN entity b USING (id);

-- Each clause, counted by the scan, over rows, and filtered by PostgreSQL.
CREATE FUNCTION three(clause text) RETURNS TABLE (scan bigint, rows bigint, local bigint) LANGUAGE plpgsql AS $$
DECLARE
    plan text := '';
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN SELECT count(*) FROM ' || clause LOOP
        plan := plan || line;
    END LOOP;
    ASSERT plan !~ 'Aggregate' OR plan ~ 'One-Time Filter: false', plan;
    EXECUTE 'SELECT count(*) FROM ' || clause INTO scan;
    EXECUTE 'SELECT count(*) FILTER (WHERE true) FROM ' || clause INTO rows;
    EXECUTE 'SELECT count(*) FROM ' || regexp_replace(clause, 'WHERE (.*)$', 'WHERE (\1) IS TRUE') INTO local;
    RETURN NEXT;
END $$;
SELECT clause, t.*, scan = rows AND rows = local AS same
FROM unnest(ARRAY[
    'entity', 'ONLY entity', 'entity WHERE tags @> ''{}''', 'entity WHERE tags @> ''{type:t1,status:s2}''',
    'entity WHERE tags && ''{late,type:t2}''', 'entity WHERE NOT tags @> ''{type:t1}''',
    'entity WHERE tags @> ''{type:t1}'' OR (''late'' = ANY (tags) AND id <> ''e0301'')',
    'entity WHERE entity_has_tag(tags, ''n:1*'')', 'entity WHERE id = ''e0001''', 'entity WHERE id = ''e0210''',
    'entity WHERE id = ''e0001'' AND tags @> ''{type:t1}''', 'entity WHERE id = ''e0001'' AND tags @> ''{type:t2}''',
    'entity WHERE id = ANY (''{e0001,e0210,new,bare,none}'')', 'entity WHERE id = ''e0001'' AND id = ''e0002''',
    'entity WHERE id > ''e0250'' AND id <= ''e0400''', 'entity WHERE id = NULL', 'entity WHERE tags @> NULL',
    'entity WHERE NOT tags @> ''{type:t1,NULL}''', 'entity WHERE false', 'entity WHERE tags @> ''{nowhere}''',
    'entity_as_of(''2020-06-01'')', 'entity_as_of(''2020-06-01'') WHERE tags @> ''{status:s1}''',
    'entity_as_of(''2021-06-01'') WHERE tags @> ''{status:s1}''', 'entity_as_of(''2019-06-01'')', 'entity_as_of(NULL)',
    'entity_as_of(''infinity'') WHERE NOT tags && ''{late}''',
    'entity_as_of(''2021-06-01'', ''infinity'') WHERE id < ''e0050'''
]) clause, three(clause) t;

-- Parameters: of a cached generic plan, of an outer row, of a sub-select.
SET plan_cache_mode = force_generic_plan;
PREPARE tagged(text[], timestamptz) AS SELECT count(*) FROM entity_as_of($2) WHERE tags @> $1;
EXPLAIN (COSTS OFF) EXECUTE tagged('{type:t1}', '2020-06-01');
EXECUTE tagged('{type:t1}', '2020-06-01');
EXECUTE tagged('{type:t1,status:s1}', '2021-06-01');
EXECUTE tagged(NULL, '2021-06-01');
EXECUTE tagged('{type:t1}', NULL);
INSERT INTO entity (id, tags, created_at) VALUES ('plan', '{type:t1}', '2020-01-01');
EXECUTE tagged('{type:t1}', '2020-06-01');
PREPARE gate(boolean) AS SELECT count(*) FROM entity WHERE $1 AND tags @> '{type:t1}';
EXECUTE gate(true);
EXECUTE gate(false);
EXECUTE gate(NULL);
RESET plan_cache_mode;
CREATE TABLE days (day timestamptz, tag text);
INSERT INTO days VALUES ('2019-01-01', 'status:s1'), ('2020-06-01', 'status:s1'), ('2021-06-01', 'status:s1'), ('2021-06-01', 'late'),
    (NULL, 'late'), ('2023-01-01', 'late'), ('2023-01-01', NULL);
EXPLAIN (COSTS OFF) SELECT day, tag, (SELECT count(*) FROM entity_as_of(d.day) WHERE d.tag = ANY (tags)) FROM days d;
SELECT day, tag, (SELECT count(*) FROM entity_as_of(d.day) WHERE d.tag = ANY (tags)),
    (SELECT count(*) FILTER (WHERE true) FROM entity_as_of(d.day) WHERE d.tag = ANY (tags)) AS rows
FROM days d ORDER BY day, tag;
SELECT day, c.* FROM days d, LATERAL (SELECT count(*), count(*) * 2 AS double FROM entity_as_of(d.day)) c ORDER BY day, tag;
SELECT count(*) FROM entity WHERE id = (SELECT min(id) FROM entity WHERE tags @> '{late}');
SELECT count(*) FROM entity WHERE id = ANY (ARRAY(SELECT id FROM entity WHERE tags @> '{late}'));
SELECT 'k' AS k, count(*) > 5 AS many, generate_series(1, 2) FROM entity ORDER BY 3;
WITH c AS MATERIALIZED (SELECT count(*) FROM entity) SELECT a.count = b.count FROM c a, c b;
DO $$
DECLARE
    n bigint;
BEGIN
    FOR i IN 1..7 LOOP
        SELECT count(*) INTO n FROM entity WHERE tags @> ARRAY['type:t' || i % 3];
        ASSERT n = (SELECT count(*) FILTER (WHERE true) FROM entity WHERE tags @> ARRAY['type:t' || i % 3]);
    END LOOP;
END $$;

-- A cursor keeps its snapshot; a statement sees its transaction's own writes and what a savepoint took back is gone.
BEGIN;
DECLARE kept CURSOR FOR SELECT count(*) FROM entity WHERE tags @> '{type:t0}';
INSERT INTO entity (id, tags) VALUES ('own', '{type:t0}');
SELECT count(*) FROM entity WHERE tags @> '{type:t0}';
SAVEPOINT s;
DELETE FROM entity WHERE tags @> '{type:t0}';
SELECT count(*) FROM entity WHERE tags @> '{type:t0}';
ROLLBACK TO s;
FETCH kept;
FETCH kept;
SELECT count(*) FROM entity WHERE tags @> '{type:t0}';
ROLLBACK;

-- Privileges are those of the face.
CREATE ROLE reader_of_counts;
SET ROLE reader_of_counts;
SELECT count(*) FROM entity;
RESET ROLE;
GRANT SELECT (id) ON entity TO reader_of_counts;
SET ROLE reader_of_counts;
SELECT count(*) FROM entity;
SELECT count(*) FROM entity WHERE tags @> '{type:t0}';
RESET ROLE;
REVOKE SELECT (id) ON entity FROM reader_of_counts;
CREATE VIEW counted AS SELECT count(*) FROM entity WHERE tags @> '{type:t0}';
GRANT SELECT ON counted TO reader_of_counts;
SET ROLE reader_of_counts;
SELECT * FROM counted;
RESET ROLE;
DROP VIEW counted;
DROP ROLE reader_of_counts;

-- A face with children, or as a partition, is counted with them.
CREATE TABLE parent (id text, tags text[]) PARTITION BY LIST (id);
CREATE FOREIGN TABLE part PARTITION OF parent DEFAULT SERVER entitydb OPTIONS (dataset 'entity');
SELECT (SELECT count(*) FROM parent) = (SELECT count(*) FROM entity) AS same;
SET enable_partitionwise_aggregate = on;
SELECT (SELECT count(*) FROM parent) = (SELECT count(*) FROM entity) AS same;
CREATE FOREIGN TABLE mother (id text) SERVER entitydb OPTIONS (dataset 'entity');
CREATE TABLE child () INHERITS (mother);
INSERT INTO child VALUES ('more');
SELECT (SELECT count(*) FROM mother) - (SELECT count(*) FROM ONLY mother) AS children;
DROP TABLE parent, child;
DROP FOREIGN TABLE mother;
