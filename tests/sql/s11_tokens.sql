-- S11: an answer as known to a token is the same for ever.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TEMP TABLE known (n int, t pg_snapshot);
CREATE TEMP TABLE told (n int, at timestamptz, answer text);
CREATE TEMP TABLE asked (at timestamptz);
INSERT INTO asked VALUES ('2019-01-01'), ('2020-01-01'), ('2020-06-01'), ('2021-01-01'), ('2030-01-01');
CREATE FUNCTION answer(t pg_snapshot, at timestamptz) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_agg(format('%s %s %s %s %s', e.id, e.tags, e.content, e.created_at, e.updated_at), '; ' ORDER BY e.id), '-')
    FROM entity_as_of_snapshot($1, $2) e
$$;
CREATE PROCEDURE remember(n int) LANGUAGE sql AS $$
    INSERT INTO known SELECT $1, entity_snapshot();
    INSERT INTO told SELECT $1, a.at, answer(k.t, a.at) FROM asked a, known k WHERE k.n = $1
$$;
CREATE TEMP VIEW forgotten AS
SELECT t.n, t.at, t.answer, answer(k.t, t.at) AS now FROM told t JOIN known k USING (n) WHERE t.answer <> answer(k.t, t.at);

CALL remember(0);
INSERT INTO entity (id, tags, content, created_at) VALUES ('a', '{s:1}', '\x0a', '2020-01-01'), ('b', '{s:1}', NULL, '2020-03-01');
CALL remember(1);
SELECT entity_put('a', '{s:2}', '\x0b', '2020-05-01'), entity_put('a', '{s:0}', NULL, '2019-01-01'), entity_delete('b', '2020-12-01');
CALL remember(2);
SELECT entitydb.seal('entity') > 0;
SELECT entity_put('b', '{s:3}', NULL, '2020-02-01'), entity_put('c', '{s:1}', NULL, '2020-01-01'), entity_put('a', '{s:9}', '\x0c', '2029-01-01');
CALL remember(3);
SELECT n, at::date, answer FROM told ORDER BY n, at;
TABLE forgotten;
-- In whatever form it is stored.
SELECT entitydb.seal('entity') > 0;
TABLE forgotten;
SET entitydb.bulk_threshold = 2;
INSERT INTO entity_event (id, ts, tag) SELECT id, '2020-01-15', 's:bulk' FROM unnest('{a,b,c,d,e}'::text[]) id;
RESET entitydb.bulk_threshold;
CALL remember(4);
TABLE forgotten;
SELECT entitydb.compact('entity') > 0;
TABLE forgotten;
SELECT entity_delete(id, '2018-01-01') FROM unnest('{a,b,c,d,e}'::text[]) id;
TABLE forgotten;
SELECT entitydb.seal('entity') > 0, entitydb.compact('entity') > 0;
TABLE forgotten;
SELECT count(*), count(DISTINCT answer) FROM told;
-- By tag, by id, counted.
SELECT k.n, array_agg(e.id ORDER BY e.id) FROM known k CROSS JOIN LATERAL entity_as_of_snapshot(k.t, '2020-06-01') e
WHERE e.tags @> '{s:1}' GROUP BY k.n ORDER BY k.n;
SELECT k.n, (SELECT count(*) FROM entity_as_of_snapshot(k.t, '2020-06-01')),
    (SELECT e.tags FROM entity_as_of_snapshot(k.t, '2020-06-01') e WHERE e.id = 'a')
FROM known k ORDER BY k.n;

-- Without an instant only what is known is fixed: now, and every stamped event that the token knows.
INSERT INTO entity (id, tags) VALUES ('n', '{one}');
SELECT entity_snapshot() AS token \gset
SELECT entity_tag('n', 'two');
SELECT entity_put('later', '{}', NULL, now() + interval '1 hour');
SELECT id, tags FROM entity_as_of_snapshot(:'token');
SELECT id, tags FROM entity_as_of_snapshot(entity_snapshot());
SELECT id, tags FROM entity_as_of_snapshot(entity_snapshot(), NULL) WHERE tags @> '{two}';

-- A session's instant stands for one that is left out, and its system time for no token.
SET entitydb.as_of = '2020-06-01';
SET entitydb.as_of_system = '2020-06-01';
SELECT k.n, array_agg(e.id ORDER BY e.id) FROM known k CROSS JOIN LATERAL entity_as_of_snapshot(k.t) e GROUP BY k.n ORDER BY k.n;
SELECT count(*) FROM entity_as_of_snapshot(:'token', 'infinity') WHERE id = 'n';
RESET entitydb.as_of;
RESET entitydb.as_of_system;

-- NULL asks nothing; the caller's own transaction is not known, whatever is said of it.
SELECT count(*) FROM entity_as_of_snapshot(NULL);
SELECT count(*) FROM entity_as_of_snapshot(NULL, '2020-06-01');
BEGIN;
SELECT entity_tag('n', 'three');
SELECT tags FROM entity WHERE id = 'n';
SELECT tags FROM entity_as_of_snapshot(entity_snapshot()) WHERE id = 'n';
SELECT tags FROM entity_as_of_snapshot(pg_current_snapshot()) WHERE id = 'n';
SELECT tags FROM entity_as_of_snapshot(format('%1$s:%1$s:', pg_snapshot_xmax(pg_current_snapshot()))::pg_snapshot) WHERE id = 'n';
COMMIT;

-- A token of another cluster, or from before a TRUNCATE, is an error, never a smaller answer.
\set VERBOSITY sqlstate
SELECT count(*) FROM entity_as_of_snapshot('1:9000000000000:');
TRUNCATE entity;
SELECT count(*) FROM entity_as_of_snapshot(:'token');
SELECT count(*) FROM entity_as_of_snapshot(:'token', '2020-01-01') WHERE id = 'a';
SELECT count(*) FROM entity_as_of_snapshot(entity_snapshot());
\set VERBOSITY default
UPDATE entity e SET tags = '{}' FROM (SELECT 1) s WHERE entitydb.at_snapshot(e.tableoid, '1:1:', NULL);
DROP VIEW forgotten;
DROP PROCEDURE remember;
DROP FUNCTION answer;
