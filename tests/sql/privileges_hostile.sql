-- What somebody tries who may use the database and has little else: to learn from errors, to be called instead of what others
-- make, to have others drop what is not his, to pass for somebody by names that come first.
\set VERBOSITY terse
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_h_owner;
CREATE ROLE regress_h_reader;
CREATE ROLE regress_h_viewer;
CREATE ROLE regress_h_columns;
CREATE ROLE regress_h_bad;
GRANT CREATE, USAGE ON SCHEMA public TO regress_h_owner, regress_h_bad;

-- An error names the id and the value that it is about to whoever may read the face; a view, or some columns, are no right to
-- what a row holds that the view hides, or in other columns.
SET ROLE regress_h_owner;
SELECT entity_create('safe');
INSERT INTO safe (id, tags, content, created_at) VALUES ('7', '{rank:1,kind:a}', '{}', '2020-01-01'),
    ('hidden id', '{rank:hidden value,kind:a,kind:b}', 'hidden content', '2020-01-01');
CREATE FOREIGN TABLE ranked (id text, rank int) SERVER entitydb OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE kinds (id text, kind text) SERVER entitydb OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE numbered (id int, created_at timestamptz) SERVER entitydb OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE written (id text, content jsonb) SERVER entitydb OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE texts (id text, content text) SERVER entitydb OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE events (id text, op text, content jsonb) SERVER entitydb_log OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE versions (id text, rank int, content jsonb) SERVER entitydb OPTIONS (dataset 'safe', shape 'version');
INSERT INTO safe (id, content, created_at) VALUES ('hidden bytes', '\x6100', '2020-01-01');
CREATE VIEW ranked_view WITH (security_barrier) AS SELECT * FROM ranked WHERE concat(id, rank) = '71';
CREATE VIEW kinds_view WITH (security_barrier) AS SELECT * FROM kinds WHERE concat(id, kind) = '7a';
CREATE VIEW numbered_view WITH (security_barrier) AS SELECT * FROM numbered WHERE concat(id, created_at) ~ '^7';
CREATE VIEW written_view WITH (security_barrier) AS SELECT * FROM written WHERE concat(id, content) = '7{}';
CREATE VIEW texts_view WITH (security_barrier) AS SELECT * FROM texts WHERE concat(id, content) = '7{}';
CREATE VIEW events_view WITH (security_barrier) AS SELECT * FROM events WHERE concat(id, content) = '7{}';
CREATE VIEW versions_view WITH (security_barrier) AS SELECT * FROM versions WHERE concat(id, rank, content) = '71{}';
GRANT SELECT ON ranked, kinds, numbered, written, texts, events, versions TO regress_h_reader;
GRANT SELECT ON ranked_view, kinds_view, numbered_view, written_view, texts_view, events_view, versions_view TO regress_h_viewer;
CREATE FOREIGN TABLE puts (id text, tags text[], rank int) SERVER entitydb OPTIONS (dataset 'safe', on_conflict 'put');
GRANT SELECT (rank) ON ranked, versions TO regress_h_columns;
GRANT SELECT (id), UPDATE (rank), INSERT (id, rank) ON puts TO regress_h_columns;
GRANT SELECT (kind) ON kinds TO regress_h_columns;
GRANT SELECT (content) ON written, texts, events TO regress_h_columns;
\set VERBOSITY default
SET ROLE regress_h_reader;
SELECT * FROM ranked;
SELECT * FROM kinds;
SELECT * FROM numbered;
SELECT * FROM written WHERE id <> 'hidden bytes';
SELECT * FROM texts WHERE id <> 'hidden id';
SELECT * FROM events WHERE id <> 'hidden bytes';
SELECT id, rank FROM versions;
SET ROLE regress_h_viewer;
SELECT * FROM ranked_view;
SELECT * FROM kinds_view;
SELECT * FROM numbered_view;
SELECT * FROM written_view;
SELECT * FROM texts_view;
SELECT * FROM events_view;
SELECT * FROM versions_view;
SELECT count(*) FROM ranked_view WHERE rank > 0;
SET ROLE regress_h_columns;
SELECT rank FROM ranked;
SELECT count(*) FROM ranked WHERE rank > 0;
SELECT rank FROM ranked ORDER BY rank LIMIT 1;
SELECT kind FROM kinds;
SELECT kind FROM kinds WHERE kind = 'a';
SELECT content FROM written;
SELECT content FROM texts;
SELECT content FROM events;
SELECT rank FROM versions;
UPDATE puts SET rank = 2 WHERE id = 'hidden id';
INSERT INTO puts (id, rank) VALUES ('hidden id', 2);
\set VERBOSITY terse

-- The marker of an instant, or of a token, is for who names the face: a view that shows tableoid does not lend it.
SET ROLE regress_h_owner;
CREATE VIEW states WITH (security_barrier) AS SELECT tableoid AS face, id FROM safe WHERE NOT tags @> '{kind:b}';
CREATE VIEW facts WITH (security_barrier) AS SELECT tableoid AS face, id FROM safe_event WHERE id = '7';
GRANT SELECT ON states, facts TO regress_h_viewer;
SET ROLE regress_h_viewer;
SELECT count(*) FROM states;
SELECT count(*) FROM states WHERE entitydb.at(face, '2020-01-01', NULL);
SELECT count(*) FROM states WHERE entitydb.at_ns(face, 1577836800000000000);
SELECT count(*) FROM states WHERE entitydb.at_or_now(face, '2020-01-01');
SELECT count(*) FROM states WHERE entitydb.at_snapshot(face, pg_current_snapshot(), NULL);
SELECT count(*) FROM facts WHERE entitydb.since(face, NULL);

-- Functions that somebody made first stay his, and could be changed later: nobody makes a face's functions of them.
SET ROLE regress_h_bad;
CREATE FUNCTION ranked_as_of(timestamptz) RETURNS SETOF ranked LANGUAGE sql AS 'SELECT * FROM ranked';
SET ROLE regress_h_owner;
SELECT entitydb.make_functions('ranked');
RESET ROLE;
SELECT entitydb.make_functions('ranked');
SELECT proname FROM pg_proc WHERE proname LIKE 'ranked\_%' AND proname <> 'ranked_as_of';
DROP FUNCTION ranked_as_of(timestamptz);
SELECT entitydb.make_functions('ranked');
SELECT count(*) > 5 AS made FROM pg_proc WHERE proname LIKE 'ranked\_%';

-- What a dataset is dropped with is what was made for it, whoever drops it, and whatever bears such a name.
CREATE FUNCTION audit_tag(text, text, timestamptz) RETURNS text LANGUAGE sql AS 'SELECT $1 OPERATOR(pg_catalog.||) $2';
SET ROLE regress_h_bad;
SELECT entity_create('bait');
CREATE FUNCTION audit_as_of_ns(bigint) RETURNS SETOF bait LANGUAGE sql AS 'SELECT b.* FROM bait b WHERE entitydb.at_ns(b.tableoid, $1)';
CREATE FUNCTION entity_as_of_ns(int) RETURNS SETOF bait LANGUAGE sql AS 'SELECT b.* FROM bait b WHERE entitydb.at_ns(b.tableoid, $1)';
CREATE FOREIGN TABLE audit (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'bait');
-- Nor is a mapping of a user to what guards it in the way.
CREATE USER MAPPING FOR CURRENT_USER SERVER "dataset bait";
CREATE USER MAPPING FOR PUBLIC SERVER "dataset bait";
RESET ROLE;
BEGIN;
SELECT entity_drop('bait');
ROLLBACK;
DROP FUNCTION entity_as_of_ns(int);
SELECT entity_drop('bait');
SELECT audit_tag('still ', 'here', NULL);
SELECT count(*) FROM pg_proc WHERE proname = 'entity_tag';
DROP FUNCTION audit_tag(text, text, timestamptz);
-- Those that the owner made himself, and that do something else, stay too; those of a face that changed hands go.
SET ROLE regress_h_owner;
CREATE FUNCTION kinds_tag(text, text, timestamptz) RETURNS text LANGUAGE sql AS 'SELECT $1';
SELECT entity_create('moved');
SELECT entitydb.grant_dataset('moved', 'regress_h_bad');
RESET ROLE;
ALTER FOREIGN TABLE moved OWNER TO regress_h_bad;
SELECT entity_drop('moved');
SELECT count(*) FROM pg_proc WHERE proname LIKE 'moved\_%';

-- Names that come first in the path, in a schema of the caller's or a temporary one, are not found by what checks.
SET ROLE regress_h_bad;
CREATE TEMP TABLE dataset (id int, name text, guard name);
CREATE TEMP TABLE pg_foreign_server AS SELECT * FROM pg_catalog.pg_foreign_server;
UPDATE pg_foreign_server SET srvowner = 'regress_h_bad'::regrole;
CREATE FUNCTION pg_has_role(oid, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE FUNCTION always(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT true';
CREATE OPERATOR = (LEFTARG = name, RIGHTARG = name, PROCEDURE = always);
SET search_path = pg_temp, public, pg_catalog;
SELECT entitydb.seal('safe');
SELECT entitydb.hold('safe', '{}');
SELECT entitydb.erase('safe', '{7}', 'r');
SELECT entitydb.grant_dataset('safe', 'regress_h_bad');
SELECT entity_drop('safe');
SELECT count(*) FROM entitydb.stat_dataset;
SELECT count(*) FROM entitydb.transaction;
SELECT count(*) FROM entitydb.retention;
RESET search_path;
-- Nor is a face of another dataset had by its option, as a partition, or on another server.
CREATE FOREIGN TABLE own (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'own');
ALTER FOREIGN TABLE own OPTIONS (SET dataset 'safe');
CREATE TABLE parted (id text COLLATE "C", tags text[]) PARTITION BY LIST (id);
CREATE FOREIGN TABLE part PARTITION OF parted DEFAULT SERVER entitydb OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE log (id text) SERVER entitydb_log OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE guarded (id text) SERVER "dataset own" OPTIONS (dataset 'safe');
SELECT entity_drop('own');
DROP OPERATOR public.= (name, name);
DROP FUNCTION public.always(name, name), public.pg_has_role(oid, text);
DROP TABLE parted, pg_temp.dataset, pg_temp.pg_foreign_server;
RESET ROLE;
DROP OWNED BY regress_h_bad, regress_h_reader, regress_h_viewer, regress_h_columns;
SET ROLE regress_h_owner;
DROP VIEW ranked_view, kinds_view, numbered_view, written_view, texts_view, events_view, versions_view, states, facts;
RESET ROLE;
SELECT entity_drop('safe');
SELECT kinds_tag('still here', NULL, NULL);
DROP OWNED BY regress_h_owner;
DROP ROLE regress_h_owner, regress_h_reader, regress_h_viewer, regress_h_columns, regress_h_bad;
