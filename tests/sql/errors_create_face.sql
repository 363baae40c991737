-- What is wrong with a face is said by CREATE and ALTER FOREIGN TABLE; a dataset that is named there comes into being.
\set SHOW_CONTEXT never
CREATE FUNCTION fails(statement text) RETURNS TABLE (state text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    state := 'none';
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END
$$;
\pset format unaligned
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id date) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, tags text) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, ts timestamp) SERVER entitydb_log OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, ts timestamptz, tags text[]) SERVER entitydb_log OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, version bigint) SERVER entitydb OPTIONS (dataset 'entity', shape 'event')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text) SERVER entitydb$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text) SERVER entitydb OPTIONS (dataset '')$$);
SELECT * FROM fails(format('CREATE FOREIGN TABLE f (id text) SERVER entitydb OPTIONS (dataset %L)', repeat('é', 23)));
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text) SERVER entitydb OPTIONS (dataset 'entity', shape 'round')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text) SERVER entitydb OPTIONS (dataset 'entity', on_conflict 'panic')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text) SERVER entitydb OPTIONS (dataset 'entity', shape 'tag', on_conflict 'put')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text) SERVER entitydb_log OPTIONS (dataset 'entity', on_conflict 'put')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text) SERVER entitydb OPTIONS (dataset 'entity', datasets 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text OPTIONS (dataset 'x')) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, status text OPTIONS (name_space 'x')) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, status text OPTIONS (namespace '')) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, status text OPTIONS (on_many 'first')) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, status text[] OPTIONS (on_many 'min')) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, shape point OPTIONS (on_many 'min')) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text OPTIONS (namespace 'x')) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, status regclass) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text, status regrole[]) SERVER entitydb OPTIONS (dataset 'entity')$$);
SELECT * FROM fails($$CREATE SERVER s FOREIGN DATA WRAPPER entitydb OPTIONS (dataset 'x')$$);
-- What cannot be a face's column is refused when it is added, renamed or retyped.
CREATE FOREIGN TABLE f (id text, content bytea) SERVER entitydb OPTIONS (dataset 'entity');
SELECT * FROM fails('ALTER FOREIGN TABLE f ADD COLUMN nonsense regproc');
SELECT * FROM fails('ALTER TABLE f ADD COLUMN tags text');
SELECT * FROM fails('ALTER FOREIGN TABLE f RENAME COLUMN content TO tags');
SELECT * FROM fails('ALTER FOREIGN TABLE f ALTER COLUMN content TYPE int');
SELECT * FROM fails($$ALTER FOREIGN TABLE f OPTIONS (SET dataset '')$$);
SELECT * FROM fails($$ALTER FOREIGN TABLE f OPTIONS (DROP dataset)$$);
SELECT * FROM fails('ALTER FOREIGN TABLE f ADD COLUMN tags text[], DROP COLUMN content');
SELECT * FROM fails('ALTER FOREIGN TABLE f RENAME TO g');
SELECT count(*) FROM g;
DROP FOREIGN TABLE g;
-- Of a partition too, where its parent is altered.
CREATE TABLE parent (id text COLLATE "C", content bytea) PARTITION BY LIST (id);
CREATE FOREIGN TABLE child PARTITION OF parent DEFAULT SERVER entitydb OPTIONS (dataset 'entity');
SELECT * FROM fails('ALTER TABLE parent ADD COLUMN tags text');
SELECT * FROM fails('ALTER TABLE parent RENAME COLUMN content TO tags');
DROP TABLE parent;
-- A dataset that is named for the first time belongs to the face's owner, and is gone with the transaction.
CREATE ROLE regress_facemaker;
GRANT CREATE ON SCHEMA public TO regress_facemaker;
SET ROLE regress_facemaker;
BEGIN;
CREATE FOREIGN TABLE mine (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'mine');
INSERT INTO mine VALUES ('a', '{x}');
ROLLBACK;
SELECT dataset, owner FROM entitydb.stat_dataset ORDER BY dataset;
CREATE FOREIGN TABLE mine (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'mine');
CREATE FOREIGN TABLE mine_too (id text, op text) SERVER entitydb_log OPTIONS (dataset 'mine');
INSERT INTO mine VALUES ('a', '{x}');
SELECT dataset, owner FROM entitydb.stat_dataset ORDER BY dataset;
SELECT * FROM mine_too;
-- The face goes, the dataset stays.
DROP FOREIGN TABLE mine;
SELECT count(*) FROM mine_too;
CREATE FOREIGN TABLE mine (tags text[], id text) SERVER entitydb OPTIONS (dataset 'mine');
SELECT * FROM mine;
SELECT entity_drop('mine');
SELECT * FROM fails($$CREATE FOREIGN TABLE theirs (id text) SERVER entitydb OPTIONS (dataset 'entity')$$);
-- What runs in the extension's name looks nothing up in the caller's schemas.
CREATE FUNCTION trap(int, int) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'trapped as %', current_user;
    RETURN $1 OPERATOR(pg_catalog.=) $2;
END
$$;
CREATE FUNCTION trap(text, text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'trapped as %', current_user;
    RETURN $1 OPERATOR(pg_catalog.=) $2;
END
$$;
CREATE OPERATOR public.= (LEFTARG = int, RIGHTARG = int, FUNCTION = trap);
CREATE OPERATOR public.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap);
SET search_path = public, pg_catalog;
CREATE FOREIGN TABLE direct (id text) SERVER entitydb OPTIONS (dataset 'direct');
DROP FOREIGN TABLE direct;
SELECT entitydb.remove_dataset('direct');
SELECT entity_create('whole');
SELECT whole_put('a', '{x}');
SELECT * FROM whole_diff('a', '-infinity', 'infinity');
SELECT entitydb.seal('whole'), entitydb.compact('whole');
SELECT entity_drop('whole');
RESET ROLE;
RESET search_path;
DROP OWNED BY regress_facemaker;
DROP ROLE regress_facemaker;
