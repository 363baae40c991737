-- entity_create with columns: a dataset whose faces and functions have them, and from whose text nothing is run.
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set VERBOSITY terse
SELECT entity_create('issue', 'status text, priority int, labels text[], content jsonb');
SELECT c.relname, string_agg(concat(a.attname, ' ', format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
WHERE c.relname ~ '^issue' AND c.relkind = 'f' GROUP BY 1 ORDER BY 1;
SELECT * FROM (SELECT p.proname, pg_get_function_arguments(p.oid) AS arguments, pg_get_function_result(p.oid) AS result FROM pg_proc p) f
WHERE f.proname ~ '^issue_' AND (f.arguments || f.result) ~ 'json';
-- Scalar columns have one value at a time.
SELECT namespace, cardinality FROM entitydb.namespace ORDER BY 1;
SELECT issue_put('a', '{x}', '{"b":  1, "a": 2}', '2020-01-01');
SELECT issue_set('a', 'status', 'open', '2020-02-01'), issue_tag('a', 'status:closed', '2020-03-01'), issue_tag('a', 'label:x', '2020-03-01');
INSERT INTO issue (id, status, priority, labels, content, created_at) VALUES ('b', 'open', 3, '{p,q}', '[1]', '2020-01-15');
SELECT id, status, priority, labels, content FROM issue ORDER BY id;
SELECT id, status, priority, labels, content FROM issue_as_of('2020-02-15') WHERE status = 'open' ORDER BY id;
SELECT id, status, labels, content, valid_from, valid_to, version FROM issue_version WHERE id = 'a' ORDER BY version;
SELECT id, tag, valid_from, valid_to FROM issue_tag WHERE tag ^@ 'status' ORDER BY id, valid_from;
SELECT op, tag, content FROM issue_history('a') ORDER BY seq;
SELECT * FROM issue_diff('a', '2019-01-01', '2020-02-15');
SELECT * FROM issue_diff('b', '2020-01-15', '2020-02-15');
EXPLAIN (COSTS off) SELECT id FROM issue_as_of('2020-02-15') WHERE status = 'open' AND priority > 2;
-- Content is compared as bytes: what jsonb takes for equal may still be a change.
SELECT issue_put('n', '{}', '{"n": 1.0}', '2020-01-01'), issue_put('n', '{}', '{"n": 1}', '2020-01-02'), issue_put('n', '{}', '{"n":1}', '2020-01-03');
SELECT op, old_content, new_content FROM issue_diff('n', '2020-01-01', '2020-01-03');
-- A function of the dataset survives another column, and shows it.
SELECT count(*) FROM issue_as_of('2020-02-15');
PREPARE before AS SELECT * FROM issue_as_of('2020-02-15') WHERE id = 'b';
EXECUTE before;
ALTER FOREIGN TABLE issue ADD COLUMN weight numeric;
SELECT id, status, weight FROM issue_as_of('2020-02-15') WHERE id = 'b';
EXECUTE before;
DEALLOCATE before;
PREPARE after AS SELECT id, priority FROM issue WHERE priority = 3;
EXECUTE after;
ALTER FOREIGN TABLE issue RENAME COLUMN priority TO prio;
ALTER FOREIGN TABLE issue ALTER COLUMN prio OPTIONS (ADD namespace 'priority');
EXECUTE after;
SELECT id, prio FROM issue WHERE prio = 3;
ALTER FOREIGN TABLE issue ALTER COLUMN prio TYPE text;
SELECT id, prio FROM issue WHERE prio = '3';
ALTER FOREIGN TABLE issue ALTER COLUMN prio TYPE regclass;
ALTER FOREIGN TABLE issue DROP COLUMN prio;
SELECT * FROM issue_as_of('2020-02-15') WHERE id = 'b';
SELECT entity_drop('issue');
SELECT count(*) FROM pg_proc WHERE proname ~ '^issue_';
SELECT * FROM entitydb.namespace;
-- No columns, odd names, types of the search_path, options and collations.
CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('sad', 'ok');
SELECT entity_create('none', '');
SELECT none_put('a', '{x}');
SELECT * FROM none_as_of('infinity') WHERE false;
SELECT entity_create('odd', 'm mood');
SET search_path = public, other;
SELECT entity_create('odd', $$m mood, "select" varchar(3) OPTIONS (namespace 'n''s', on_many 'min') COLLATE "C",
    "q""uote %s $1" numeric(5,2)[], "Größe" pg_catalog.int4[3][], content text -- a comment$$, 'uuid');
RESET search_path;
\d odd
\d odd_version
SELECT odd_put('00000000-0000-0000-0000-00000000000A', '{m:ok,"q\"uote %s $1:1.5"}', 'text');
SELECT id, m, "q""uote %s $1", content FROM odd WHERE m = 'ok';
SELECT namespace FROM entitydb.namespace;
-- What is no list of columns.
SELECT entity_create('x', 'a int); DROP FOREIGN TABLE odd; --');
SELECT entity_create('x', 'a int) SERVER entitydb OPTIONS (dataset ''odd''');
SELECT entity_create('x', 'a int); CREATE TABLE y (b int');
SELECT entity_create('x', 'a int) INHERITS (pg_class');
SELECT entity_create('x', 'a int) PARTITION BY LIST (a');
SELECT entity_create('x', 'a int) WITH (fillfactor = 10');
SELECT entity_create('x', 'a int) TABLESPACE pg_default --');
SELECT entity_create('x', 'LIKE pg_class');
SELECT entity_create('x', 'a int, CHECK (a > 0)');
SELECT entity_create('x', 'a int PRIMARY KEY');
SELECT entity_create('x', 'a int NOT NULL');
SELECT entity_create('x', 'a int DEFAULT 5');
SELECT entity_create('x', 'a int GENERATED ALWAYS AS IDENTITY');
SELECT entity_create('x', 'a setof int');
SELECT entity_create('x', 'a');
SELECT entity_create('x', 'a int /*');
SELECT entity_create('x', 'a "int; DROP"');
SELECT entity_create('x', 'a regclass');
SELECT entity_create('x', 'a int, a int');
SELECT entity_create('x', 'tags text');
SELECT entity_create('x', 'valid_from timestamptz');
SELECT entity_create('x', 'content date');
SELECT entity_create('x', 'a int OPTIONS (on_many ''most'')');
SELECT entity_create('x', id => 'date');
SELECT entity_create('x', NULL);
SELECT to_regclass('x'), to_regclass('odd');
