-- The face of tags: one row a tag and a maximal interval throughout which it held.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';
\d entity_tag
SELECT entity_put('user-1', '{rbac:role:admin,type:user}', at => '2020-01-01');
SELECT entity_untag('user-1', 'rbac:role:admin', at => '2020-03-01');
SELECT entity_tag('user-1', 'rbac:role:admin', at => '2020-05-01');
SELECT entity_put('user-2', '{rbac:role:audit,type:user}', at => '2020-02-01');
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT entity_delete('user-2', at => '2020-06-01');
SELECT entity_put('user-2', '{type:user}', at => '2020-07-01');
SELECT entity_tag('user-2', 'rbac:role:admin', at => '2200-07-01');
SELECT * FROM entity_tag ORDER BY id, tag, valid_from;
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP RETURN NEXT line; END LOOP;
END
$$;
-- Who was an administrator in May?
SELECT plan($$SELECT id FROM entity_tag WHERE tag = 'rbac:role:admin' AND valid_from < '2020-06-01' AND NOT valid_to <= '2020-05-01'$$);
SELECT id, valid_from, valid_to FROM entity_tag
WHERE tag = 'rbac:role:admin' AND valid_from < '2020-06-01' AND (valid_to > '2020-05-01' OR valid_to IS NULL);
SELECT plan($$SELECT * FROM entity_tag WHERE tag ^@ 'rbac:'$$);
SELECT id, tag FROM entity_tag WHERE tag ^@ 'rbac:' ORDER BY id, tag, valid_from;
SELECT plan($$SELECT * FROM entity_tag WHERE tag LIKE 'rbac:role:a%' AND tag <> 'rbac:role:audit'$$);
SELECT id, tag FROM entity_tag WHERE tag LIKE 'rbac:role:a%' AND tag <> 'rbac:role:audit' ORDER BY id, tag, valid_from;
SELECT plan($$SELECT * FROM entity_tag WHERE tag = ANY ('{rbac:role:audit,none}') OR NOT tag LIKE '%r'$$);
SELECT plan($$SELECT * FROM entity_tag WHERE tag IN ('rbac:role:audit', 'none') AND id > 'user-1'$$);
SELECT id, tag FROM entity_tag WHERE tag IN ('rbac:role:audit', 'none') AND id > 'user-1';
SELECT count(*) FROM entity_tag WHERE tag NOT IN ('rbac:role:audit', 'type:user');
SELECT count(*) FROM entity_tag WHERE tag NOT IN ('rbac:role:audit', NULL);
SELECT count(*) FROM entity_tag WHERE tag = NULL OR NOT tag = 'type:user';
SELECT count(*) FROM entity_tag WHERE tag = 'none';
SELECT count(*) FROM entity_tag WHERE tag = 'type:user' AND tag = 'rbac:role:admin';
SELECT tag, count(*), count(DISTINCT id) FROM entity_tag GROUP BY tag ORDER BY tag;
-- Each tag of a table, the scan asked by the join.
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SELECT t, e.id FROM unnest('{rbac:role:audit,type:user}'::text[]) t JOIN entity_tag e ON e.tag = t ORDER BY t COLLATE "C", e.id, e.valid_from;
CREATE FOREIGN TABLE exact (tag text, valid_to_ns bigint, valid_from_ns bigint) SERVER entitydb
    OPTIONS (dataset 'entity', shape 'tag');
SELECT * FROM exact ORDER BY valid_from_ns, tag;
-- Read only.
INSERT INTO entity_tag (id, tag) VALUES ('x', 'y');
\echo :LAST_ERROR_SQLSTATE
UPDATE entity_tag SET tag = 'z';
\echo :LAST_ERROR_SQLSTATE
DELETE FROM entity_tag;
\echo :LAST_ERROR_SQLSTATE
TRUNCATE entity_tag;
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM entity_tag FOR SHARE;
\echo :LAST_ERROR_SQLSTATE
CREATE FOREIGN TABLE wrong (id text, content bytea) SERVER entitydb OPTIONS (dataset 'entity', shape 'tag');
\echo :LAST_ERROR_SQLSTATE
