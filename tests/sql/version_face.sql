-- The face of versions: one row a distinct state over the whole timeline; what the scan answers, and what is filtered after it.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';
\d entity_version
SELECT entity_put('a', '{status:new}', '\x01', at => '2020-01-01');
SELECT entity_set('a', 'status', 'open', at => '2020-02-01');
SELECT entity_put('a', NULL, '\x02', at => '2020-03-01');
SELECT entity_delete('a', at => '2020-04-01');
SELECT entity_put('a', '{status:open}', at => '2020-05-01');
SELECT entity_put('b', '{status:open,x}', at => '2020-02-01 00:00:00.000001');
SELECT entity_put('c', '{}', at => '2200-01-01');
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT entity_untag('b', 'x', at => '2020-06-01');
SELECT * FROM entity_version ORDER BY id, version;
SELECT count(*), count(valid_to), count(content) FROM entity_version;
-- Every clause of these is the scan's.
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP RETURN NEXT line; END LOOP;
END
$$;
SELECT plan($$SELECT * FROM entity_version WHERE id = 'a' AND valid_from <= '2020-02-15' AND valid_to > '2020-02-15'$$);
SELECT version FROM entity_version WHERE id = 'a' AND valid_from <= '2020-02-15' AND valid_to > '2020-02-15';
SELECT plan($$SELECT * FROM entity_version WHERE tags @> '{status:open}' AND NOT tags && '{x,y}' AND id ^@ 'b'$$);
SELECT id, version FROM entity_version WHERE tags @> '{status:open}' AND NOT tags && '{x,y}' AND id ^@ 'b';
SELECT plan($$SELECT * FROM entity_version WHERE entity_has_tag(tags, 'status:*') AND id = ANY ('{a,c}') AND NOT valid_to <= '2020-03-01'$$);
SELECT id, version FROM entity_version WHERE entity_has_tag(tags, 'status:*') AND id = ANY ('{a,c}') AND NOT valid_to <= '2020-03-01';
-- What has no end is neither before nor after.
SELECT id, version FROM entity_version WHERE valid_to > '2020-03-01' ORDER BY id, version;
SELECT id, version FROM entity_version WHERE NOT valid_to > '2020-03-01' ORDER BY id, version;
SELECT id, version FROM entity_version WHERE valid_to <> '2020-03-01' ORDER BY id, version;
SELECT id, version FROM entity_version WHERE valid_to IS NULL ORDER BY id, version;
SELECT id, version FROM entity_version WHERE NOT (valid_to > '2020-03-01' OR tags @> '{x}') ORDER BY id, version;
SELECT plan($$SELECT id FROM entity_version WHERE valid_from <= '2020-03-01' AND (valid_to > '2020-03-01' OR valid_to IS NULL)$$);
SELECT id, version FROM entity_version WHERE valid_from <= '2020-03-01' AND (valid_to > '2020-03-01' OR valid_to IS NULL);
SELECT count(*) FROM entity_version WHERE valid_to IS NOT NULL;
-- Filtered afterwards.
SELECT plan($$SELECT id FROM entity_version WHERE version = 2 AND content IS NULL$$);
SELECT id FROM entity_version WHERE version = 2 AND content IS NULL;
-- Exact times, in any columns.
CREATE FOREIGN TABLE exact (valid_to_ns bigint, version bigint, valid_from_ns bigint, id text) SERVER entitydb
    OPTIONS (dataset 'entity', shape 'version');
SELECT * FROM exact WHERE id = 'b' ORDER BY version;
SELECT version FROM exact WHERE valid_from_ns = 1580515200000001000;
SELECT version FROM exact WHERE NOT valid_to_ns < 1590969600000000000 AND id = 'b';
-- The tags of a namespace as a column.
CREATE FOREIGN TABLE statuses (id text, status text, version bigint) SERVER entitydb OPTIONS (dataset 'entity', shape 'version');
SELECT * FROM statuses ORDER BY id, version;
SELECT id, version FROM statuses WHERE status = 'new';
-- Joins with a table give the id; a prepared statement's plan serves any value.
CREATE TABLE wanted (id text, at timestamptz);
INSERT INTO wanted VALUES ('a', '2020-01-15'), ('a', '2020-04-15'), ('b', '2020-06-15');
SELECT w.id, w.at::date, v.tags FROM wanted w LEFT JOIN LATERAL (
    SELECT * FROM entity_version v WHERE v.id = w.id AND v.valid_from <= w.at AND (v.valid_to > w.at OR v.valid_to IS NULL)
) v ON true ORDER BY 1, 2;
SET plan_cache_mode = force_generic_plan;
PREPARE carrying (text[]) AS SELECT id, version FROM entity_version WHERE tags @> $1 ORDER BY id, version;
EXECUTE carrying ('{x}');
EXECUTE carrying ('{status:new}');
EXECUTE carrying (NULL);
-- Read only.
INSERT INTO entity_version (id) VALUES ('x');
\echo :LAST_ERROR_SQLSTATE
UPDATE entity_version SET tags = '{}';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM entity_version;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE entity_version;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM entity_version FOR UPDATE;
\echo :LAST_ERROR_SQLSTATE
COPY entity_version (id) FROM stdin;
x
\.
\echo :LAST_ERROR_SQLSTATE
CREATE FOREIGN TABLE wrong (id text, valid_from date) SERVER entitydb OPTIONS (dataset 'entity', shape 'version');
\echo :LAST_ERROR_SQLSTATE
CREATE FOREIGN TABLE wrong (id text, version int) SERVER entitydb OPTIONS (dataset 'entity', shape 'version');
\echo :LAST_ERROR_SQLSTATE
SELECT id FROM entity_version v WHERE entitydb.at(v.tableoid, now(), NULL);
\echo :LAST_ERROR_SQLSTATE
