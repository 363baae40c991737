-- Faces with some of the columns, in any order, and the functions of such faces.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_put('a', '{x}', '\x01', at => '2020-01-01');
CREATE FOREIGN TABLE few (tags text[], id text) SERVER entitydb OPTIONS (dataset 'entity');
SELECT * FROM few;
SELECT entitydb.make_functions('few');
SELECT few_put('b', '{q}', '\x02');
SELECT few_put('b', '{q}');
SELECT id, tags FROM few_as_of('2020-01-01');
SELECT op, tag, old_content, new_content FROM few_diff('a', '2019-01-01', '2020-01-01');
SELECT few_delete('b');
-- Without the id nothing can be named.
CREATE FOREIGN TABLE bare (content bytea) SERVER entitydb OPTIONS (dataset 'entity');
SELECT entitydb.make_functions('bare');
SELECT * FROM bare_as_of('2020-01-01');
INSERT INTO bare VALUES ('\x03');
UPDATE bare SET content = NULL;
DELETE FROM bare;
CREATE FOREIGN TABLE nothing () SERVER entitydb OPTIONS (dataset 'entity');
SELECT count(*) FROM nothing;
INSERT INTO nothing DEFAULT VALUES;
-- Columns come and go.
ALTER FOREIGN TABLE few DROP COLUMN tags, ADD COLUMN version bigint, ADD COLUMN created_at_ns bigint;
SELECT * FROM few;
ALTER FOREIGN TABLE few ADD COLUMN tags text[];
INSERT INTO few (id, tags, version, created_at_ns) VALUES ('c', '{y,x,y}', 99, 1577836800000000001) RETURNING *;
UPDATE few SET tags = tags || '{z}', version = 7 WHERE id = 'c' RETURNING id, tags, version;
ALTER FOREIGN TABLE entity ADD COLUMN version bigint;
SELECT * FROM entity_as_of('2020-01-01') ORDER BY id;
-- A dataset with faces is not dropped from under them.
\set VERBOSITY terse
SELECT entitydb.remove_dataset('entity');
SELECT entity_drop('entity');
SELECT count(*) FROM pg_proc WHERE proname LIKE 'few\_%' OR proname LIKE 'bare\_%';
