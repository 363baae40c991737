-- The questions of the demo. `make demo` runs this file; `make psql` opens a session to go on in.
-- It can be run again and again: what it changes, it takes back at its end.
\set ON_ERROR_STOP on
\pset footer off
\pset null '-'
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set ECHO queries
\timing on

\echo
\echo '-- 1. What did Chrome, Firefox and Safari all support in CSS on 2018-03-01? How much, and some of it:'
SELECT count(*) FROM entity_as_of('2018-03-01')
WHERE tags @> '{category:css,supports:chrome,supports:firefox,supports:safari}';

SELECT id FROM entity_as_of('2018-03-01')
WHERE tags @> '{category:css,supports:chrome,supports:firefox,supports:safari}' AND id LIKE 'css.properties.grid%'
ORDER BY id LIMIT 5;

EXPLAIN SELECT id FROM entity_as_of('2018-03-01') WHERE tags @> '{supports:chrome,supports:safari}';

\echo
\echo '-- 2. How many were there on each new year''s day?'
SELECT d::date AS day, count(e.id) AS css_everywhere
FROM generate_series('2005-01-01'::timestamptz, '2026-01-01', '1 year') d
LEFT JOIN LATERAL (
    SELECT id FROM entity_as_of(d)
    WHERE tags @> '{category:css,supports:chrome,supports:firefox,supports:safari}'
) e ON true
GROUP BY d ORDER BY d;

\echo
\echo '-- 3. How did css.properties.grid come about?'
SELECT ts::date AS day, op, tag FROM entity_history('css.properties.grid') WHERE tag LIKE 'supports:%' AND ts < '2019-01-01';

\echo
\echo '-- 4. What changed for text-wrap: balance between two new year''s days?'
SELECT op, tag FROM entity_diff('css.properties.text-wrap.balance', '2023-01-01', '2025-01-01');

\echo
\echo '-- 5. What was the web platform made of, at the beginning of 2010?'
SELECT * FROM entity_facets('category', at => '2010-01-01');

\echo
\echo '-- 6. A correction made now. Say that Edge had grid already on 2017-04-11 (it came with Edge 16, in October).'
SELECT clock_timestamp() AS before_the_correction \gset
SELECT entity_tag('css.properties.grid', 'supports:edge', at => '2017-04-11');

\echo '-- The past as best known now, and as it was known before the correction:'
SELECT 'as best known now' AS reading, 'supports:edge' = ANY (tags) AS edge_had_grid_in_june_2017
FROM entity_as_of('2017-06-01') WHERE id = 'css.properties.grid'
UNION ALL
SELECT 'as known before', 'supports:edge' = ANY (tags)
FROM entity_as_of('2017-06-01', :'before_the_correction') WHERE id = 'css.properties.grid';

\echo '-- The correction is taken back, which is one more fact and removes nothing:'
SELECT entity_untag('css.properties.grid', 'supports:edge', at => '2017-04-11');

\echo
\echo '-- 7. Features joined with an ordinary table: which pages were written before all three browsers could show them?'
\set ECHO none
\timing off
SET client_min_messages = warning;
DROP TABLE IF EXISTS page;
\set ECHO queries
CREATE TABLE page (name text, written date, uses text);
INSERT INTO page VALUES
    ('start',   '2016-11-02', 'css.properties.grid'),
    ('gallery', '2017-06-15', 'css.properties.grid'),
    ('shop',    '2019-05-20', 'css.properties.gap.grid_context'),
    ('blog',    '2021-02-01', 'css.properties.aspect-ratio'),
    ('about',   '2022-03-10', 'css.selectors.has');
\timing on
SELECT p.name, p.written, p.uses, array(SELECT b FROM unnest('{chrome,firefox,safari}'::text[]) b
                                        WHERE NOT coalesce('supports:' || b = ANY (f.tags), false)) AS missing_then
FROM page p LEFT JOIN LATERAL (
    SELECT tags FROM entity_as_of(p.written) e WHERE e.id = p.uses
) f ON true
WHERE NOT coalesce(f.tags @> '{supports:chrome,supports:firefox,supports:safari}', false)
ORDER BY p.written;
\timing off
\set ECHO none
