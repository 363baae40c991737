-- Where a query looks at parts of contents, the scan reads the blocks of these parts and no others.
\set VERBOSITY terse
SET entitydb.compression_threshold = '1kB';
-- A thousand blocks that compress, and a hundred that do not; each line says where it is.
INSERT INTO entity (id, content)
SELECT 'lines', convert_to(string_agg(lpad((n * 16)::text, 15) || E'\n', '' ORDER BY n), 'UTF8') FROM generate_series(0, 511999) n;
INSERT INTO entity (id, content)
SELECT 'noise', string_agg(decode(md5(n::text), 'hex'), '' ORDER BY n) FROM generate_series(1, 51200) n;
INSERT INTO entity (id, content) VALUES ('short', 'abc'), ('empty', ''), ('none', NULL);
CREATE TABLE heap AS SELECT * FROM entity;
SELECT entitydb.seal('entity') > 0 AS sealed;

-- What a scan says of the blocks that it read.
CREATE FUNCTION pg_temp.read(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) ' || query LOOP
        IF line LIKE '%Content%' THEN
            RETURN NEXT trim(line);
        END IF;
    END LOOP;
END
$$;
SELECT pg_temp.read($$SELECT id, substring(content, 4000001, 32) FROM entity WHERE id = 'lines'$$);
SELECT pg_temp.read($$SELECT substring(content, 8185, 20) FROM entity WHERE id = 'lines'$$);
SELECT pg_temp.read($$SELECT substring(content, 1, 10), substr(content, 8000001, 5), get_byte(content, 4000000), length(content) FROM entity WHERE id = 'lines'$$);
SELECT pg_temp.read($$SELECT sum(length(content)), max(octet_length(content)) FROM entity$$);
SELECT pg_temp.read($$SELECT id FROM entity WHERE content IS NOT NULL AND length(content) > 5$$);
SELECT pg_temp.read($$SELECT get_bit(content, 80000), substring(content, 400000) FROM entity WHERE id = 'noise'$$);
-- All of it where anything looks at all of it.
SELECT pg_temp.read($$SELECT substring(content, 1, 10), md5(content) FROM entity WHERE id = 'noise'$$);
SELECT pg_temp.read($$SELECT substring(content, 1, 10) FROM entity WHERE id = 'noise' AND md5(content) <> ''$$);
SELECT pg_temp.read($$SELECT substring(content, length(id), 10) FROM entity WHERE id = 'noise'$$);
SELECT pg_temp.read($$SELECT length(e.content), e FROM entity e WHERE id = 'noise'$$);
-- A match near the start ends the search there.
SELECT pg_temp.read($$SELECT id FROM entity WHERE content LIKE '% 160%'$$);
SELECT pg_temp.read($$SELECT id FROM entity WHERE content LIKE '%nothing like it%' AND id = 'lines'$$);

-- The answers are a heap's.
CREATE FUNCTION pg_temp.compare(expressions text, rest text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    mine text;
    theirs text;
    query text := format('SELECT md5(string_agg(r::text, '','' ORDER BY r::text)) FROM (SELECT %s FROM %%s e %s) r', expressions, rest);
BEGIN
    EXECUTE format(query, 'entity') INTO mine;
    EXECUTE format(query, 'heap') INTO theirs;
    RETURN CASE WHEN mine IS NOT DISTINCT FROM theirs THEN 'same' ELSE 'different' END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLERRM;
END
$$;
SELECT e, pg_temp.compare(e) FROM unnest(ARRAY[
    'id, substring(content, 1, 10)', 'id, substring(content, 3, 2)', 'id, substring(content, -5, 8)', 'id, substring(content, 0, 1)',
    'id, substring(content, 100, 0)', 'id, substring(content, 2147483647, 2147483647)', 'id, substring(content, 2, 2147483647)',
    'id, substring(content, 8190, 20)', 'id, substring(content, 500000)', 'id, substr(content, 700000, 9)', 'id, substr(content, 2)',
    'id, length(content), octet_length(content), content IS NULL', 'id, substring(content, NULL, 3)', 'id, substring(content, 1, NULL)',
    'id, substring(content, 100001, 9), length(content)', 'id, substring(content, 1, -1)', 'id, get_byte(content, 2)',
    'id, substring(substring(content, 100, 100), 5, 5)', 'id, length(substring(content, 100, 100))', 'id, encode(substring(content, 10, 4), ''hex'')',
    'count(content)'
]) e;
SELECT pg_temp.compare('mod(length(content), 3) AS m, count(*), max(encode(substring(content, 5, 5), ''hex''))', 'GROUP BY mod(length(content), 3)');
SELECT pg_temp.compare('id, get_byte(content, 819200), get_bit(content, 6553607)', $$WHERE length(content) > 819200$$);
SELECT pg_temp.compare('id, substring(content, 17, 16)', $$ORDER BY substring(content, 20, 10), id$$);
SELECT pg_temp.compare('e.id, o.id, substring(e.content, 17, 16)', $$JOIN heap o ON o.id = e.id$$);
SELECT pg_temp.compare('e.id, substring(e.content, 17, 16)', $$JOIN heap o ON o.content = e.content$$);
SELECT pg_temp.compare('DISTINCT substring(content, 17, 16)');
SELECT pg_temp.compare('id, (SELECT length(e.content) + length(h.content) FROM heap h WHERE h.id = e.id)');
SELECT pg_temp.compare('id, x', $$CROSS JOIN LATERAL (SELECT substring(e.content, 3, 3) AS x OFFSET 0) l$$);
SELECT pg_temp.compare('id, substring(content, 5, 3), row_number() OVER (ORDER BY substring(content, 17, 3), id)');
-- What is out of range is said of the whole content.
SELECT get_byte(content, 3) FROM entity WHERE id = 'short';
SELECT get_byte(content, -1), substring(content, 1, 1) FROM entity WHERE id = 'short';
SELECT get_bit(content, 24) FROM entity WHERE id = 'short';
SELECT get_bit(content, -1) FROM entity WHERE id = 'short';
SELECT get_byte(content, 2), substring(content, 1, 1) FROM entity WHERE id = 'short';
-- Unsealed contents, as of an instant, events, prepared statements, and rows that are locked.
UPDATE entity SET content = 'abcdef' WHERE id = 'short';
SELECT id, substring(content, 2, 3), length(content) FROM entity WHERE id IN ('short', 'none') ORDER BY 1;
SELECT substring(content, 2, 3) FROM entity_as_of(now() + interval '1 hour') WHERE id = 'short';
SELECT seq, substring(content, 2, 3) FROM entity_event WHERE id = 'short' AND op = 'content';
SELECT valid_to IS NULL AS last, substring(content, 2, 3), length(content) FROM entity_version WHERE id = 'short' ORDER BY version;
-- Nodes that keep rows keep what they were given.
SELECT l, count(*) OVER (PARTITION BY l) FROM (SELECT length(content) AS l FROM entity WHERE id IN ('short', 'empty', 'none')) s ORDER BY 1;
SELECT ctid IS NOT NULL AS there, tableoid::regclass, length(content) FROM entity WHERE id = 'noise';
SELECT h.id, sum(length(e.content)), count(DISTINCT length(e.content)) FROM heap h JOIN entity e ON h.id <> e.id GROUP BY h.id ORDER BY h.id COLLATE "C";
SELECT length(content) FROM entity UNION SELECT length(content) FROM heap ORDER BY 1;
BEGIN;
DECLARE kept CURSOR WITH HOLD FOR SELECT id, length(content), substring(content, 2, 2) FROM entity ORDER BY length(content), id;
COMMIT;
FETCH ALL FROM kept;
CREATE TABLE measured AS SELECT id, length(content) AS len, substring(content, 1, 3) AS head FROM entity;
SELECT * FROM measured WHERE id = 'short';
SET plan_cache_mode = force_generic_plan;
PREPARE slice(int, int) AS SELECT convert_from(substring(content, $1, $2), 'UTF8') FROM entity WHERE id = 'lines';
EXECUTE slice(4000001, 15);
EXECUTE slice(17, 15);
EXECUTE slice(NULL, 15);
SELECT pg_temp.read('EXECUTE slice(4000001, 15)');
RESET plan_cache_mode;
SELECT substring(content, 2, 3) FROM entity WHERE id = 'short' FOR UPDATE;
UPDATE entity SET tags = ARRAY['l:' || length(content)] WHERE id = 'short' RETURNING tags, content, substring(content, 1, 2);
DELETE FROM entity WHERE id = 'short' RETURNING substring(content, 5, 2);
