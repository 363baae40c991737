-- Contents are searched in the scan: what it finds is what a filter of PostgreSQL finds, wherever the contents are.
\set VERBOSITY terse
SET entitydb.compression_threshold = '1kB';
CREATE FOREIGN TABLE note (id text COLLATE "C", content text) SERVER entitydb OPTIONS (dataset 'entity');
CREATE FOREIGN TABLE document (id text COLLATE "C", content jsonb) SERVER entitydb OPTIONS (dataset 'document');

-- Sealed: plain and compressed, over one block and over many, with a needle across the border of two blocks (8,192 bytes).
INSERT INTO entity (id, content) VALUES
    ('s-empty', ''), ('s-null', NULL), ('s-short', 'the quick brown fox'), ('s-percent', '100% sure_thing'),
    ('s-slash', 'a\\b'), ('s-nul', 'a\000b'), ('s-high', '\xff00fe');
INSERT INTO entity (id, content)
SELECT 's-border' || n, convert_to(repeat('x', n) || 'needle' || repeat('y', 9000), 'UTF8')
FROM generate_series(8180, 8195, 3) n;
INSERT INTO entity (id, content) SELECT 's-far', convert_to(repeat('lorem ipsum ', 20000) || 'needle', 'UTF8');
INSERT INTO entity (id, content)
SELECT 's-noise', string_agg(decode(md5(n::text), 'hex'), '' ORDER BY n) FROM generate_series(1, 3000) n;
SELECT entitydb.seal('entity') > 0 AS sealed;
-- Some are sealed twice, some changed since, some in the delta alone.
UPDATE entity SET content = 'a needle instead' WHERE id = 's-short';
SELECT entitydb.seal('entity') > 0 AS sealed;
UPDATE entity SET content = NULL WHERE id = 's-border8180';
INSERT INTO entity (id, content) VALUES ('d-short', 'the needle'), ('d-utf', convert_to('Grüße, needle', 'UTF8'));
INSERT INTO entity (id, content) SELECT 'd-long', convert_to(repeat('ab', 9000) || 'needle', 'UTF8');
DELETE FROM entity WHERE id = 's-border8183';

-- The rows for which a clause is true, by the scan and by a filter above it.
CREATE FUNCTION pg_temp.both(face text, clause text, OUT rows bigint, OUT same boolean, OUT pushed boolean) LANGUAGE plpgsql AS $$
DECLARE
    line text;
    mine text[];
    theirs text[];
BEGIN
    EXECUTE format('SELECT array_agg(id ORDER BY id) FROM %s WHERE %s', face, clause) INTO mine;
    EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (SELECT * FROM %s OFFSET 0) f WHERE %s', face, clause) INTO theirs;
    rows := coalesce(cardinality(mine), 0);
    same := mine IS NOT DISTINCT FROM theirs;
    pushed := false;
    FOR line IN EXECUTE format('EXPLAIN (COSTS OFF) SELECT id FROM %s WHERE %s', face, clause) LOOP
        pushed := pushed OR line LIKE '%Content: %';
    END LOOP;
END
$$;

SELECT clause, r.* FROM unnest(ARRAY[
    $$content LIKE '%needle%'$$, $$content NOT LIKE '%needle%'$$, $$content LIKE 'the%'$$, $$content LIKE '%needle'$$,
    $$content LIKE 'the%needle'$$, $$content LIKE '%lorem%ipsum%needle'$$, $$content LIKE '%'$$, $$content NOT LIKE '%'$$,
    $$content LIKE ''$$, $$content LIKE 'the quick brown fox'$$, $$content LIKE 'a needle instead'$$,
    $$content LIKE '%e_dle%'$$, $$content NOT LIKE '%e_dle%'$$, $$content LIKE '%100\\%%'$$, $$content LIKE '%e\\_t%'$$,
    $$content LIKE '%100#%%' ESCAPE '#'::bytea$$, $$content LIKE '%\\\\%'$$, $$content LIKE '%\000%'$$, $$content LIKE '\377%'$$,
    $$content LIKE NULL$$, $$position('needle' in content) > 0$$, $$position('needle' in content) = 0$$,
    $$position('' in content) > 0$$, $$position('needle' in content) >= 1$$, $$0 < position('needle' in content)$$,
    $$position('needle' in content) <> 0$$, $$NOT position('needle' in content) > 0$$, $$position('needle' in content) > 5$$,
    $$position(NULL in content) > 0$$, $$position('\xfe' in content) > 0$$,
    $$content LIKE '%needle%' AND id LIKE 'd%'$$, $$content LIKE '%needle%' OR id = 's-empty'$$,
    $$NOT (content LIKE '%needle%' OR id = 's-empty')$$, $$content LIKE '%needle%' AND created_at > 'epoch'$$,
    $$content LIKE '%needle%' AND id IN ('s-far', 's-nul', 's-null')$$, $$content LIKE '%nothing of this%'$$
]) clause, pg_temp.both('entity', clause) r;

SELECT clause, r.* FROM unnest(ARRAY[
    $$content LIKE '%needle%'$$, $$content LIKE '%üße%'$$, $$content LIKE '%Gr_ße%'$$, $$content NOT LIKE '%Gr_ße%'$$,
    $$position('ß' in content) > 0$$, $$strpos(content, 'quick') > 0$$, $$content ILIKE '%NEEDLE%'$$
]) clause, pg_temp.both('(SELECT * FROM note WHERE id NOT IN (''s-noise'', ''s-high'', ''s-nul'')) note', clause) r;

-- As of an instant, events, and a count.
SELECT id FROM entity_as_of(now() - interval '1 day') WHERE content LIKE '%needle%';
SELECT count(*) FROM entity WHERE content LIKE '%needle%';
SELECT id, op, content FROM entity_event WHERE content LIKE '%needle%' AND id LIKE '_-short' ORDER BY id, seq;
SELECT id, version, valid_to IS NULL AS last FROM entity_version WHERE content LIKE '%needle%' AND id LIKE 's-%' ORDER BY id COLLATE "C", version;
SELECT clause, r.* FROM unnest(ARRAY[$$content LIKE '%needle%'$$, $$content NOT LIKE '%needle%'$$]) clause, pg_temp.both('entity_version', clause) r;
EXPLAIN (COSTS OFF) SELECT count(*) FROM entity WHERE content LIKE '%needle%';
EXPLAIN (COSTS OFF) SELECT id FROM entity WHERE content LIKE '%e_dle%' AND position('x' in content) > 0 AND tags @> '{a}';

-- Patterns that are known when the scan starts.
SET plan_cache_mode = force_generic_plan;
PREPARE found(bytea) AS SELECT id FROM entity WHERE content LIKE $1 ORDER BY id COLLATE "C";
EXECUTE found('the%');
EXECUTE found('%_100%');
EXECUTE found(NULL);
EXPLAIN (COSTS OFF) EXECUTE found('the%');
RESET plan_cache_mode;
SELECT w.p, e.id FROM (VALUES ('the n'::bytea), ('lorem')) w(p), entity e WHERE position(w.p in e.content) > 0 ORDER BY 1, 2;

-- Containment looks for keys and strings before it reads a document.
INSERT INTO document VALUES
    ('1', '{"name": "Ann", "tags": ["a", "b"], "n": 1}'), ('2', '{"name": "Bob", "inner": {"name": "Ann"}}'),
    ('3', '{"quote": "say \"Ann\"", "path": "c:\\d"}'), ('4', '["Ann", 1, null, true]'), ('5', '"Ann"'), ('6', NULL);
SELECT entitydb.seal('document') > 0 AS sealed;
INSERT INTO document VALUES ('7', '{"name": "Ann"}'), ('8', '{"umlaut": "ü"}');
-- Another writer's text, with other forms of the same strings.
CREATE FOREIGN TABLE document_bytes (id text, content bytea) SERVER entitydb OPTIONS (dataset 'document');
INSERT INTO document_bytes VALUES ('9', '{"n\\u0061me":"\\u0041nn"}'), ('10', ' { "umlaut" : "\\u00fc" } ');
SELECT clause, r.* FROM unnest(ARRAY[
    $$content @> '{"name": "Ann"}'$$, $$content @> '{"inner": {"name": "Ann"}}'$$, $$content @> '["Ann"]'$$, $$content @> '"Ann"'$$,
    $$content @> '{}'$$, $$content @> '{"n": 1.0}'$$, $$content @> '{"quote": "say \"Ann\""}'$$, $$content @> '{"path": "c:\\d"}'$$,
    $$content @> '{"umlaut": "ü"}'$$, $$content @> '{"tags": ["b"]}'$$, $$content @> '[null, true]'$$, $$NOT content @> '{"name": "Ann"}'$$,
    $$content @> NULL$$, $$content @> '{"": 1}'$$, $$content @> '{"nobody": "here"}'$$
]) clause, pg_temp.both('document', clause) r;
EXPLAIN (COSTS OFF) SELECT id FROM document WHERE content @> '{"name": "Ann"}';
