-- Whose a dataset is: the owner's, and those' whom it was granted to; PostgreSQL's own commands about roles know of it.
\set VERBOSITY terse
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on
CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
CREATE ROLE regress_team;
GRANT CREATE, USAGE ON SCHEMA public TO regress_alice, regress_bob, regress_team;
SET ROLE regress_alice;
SELECT entity_create('vault');
SELECT vault_put('gold', '{bars:12}', at => '2020-01-01');
SELECT entitydb.seal('vault') > 0;
SET ROLE regress_bob;
CREATE FOREIGN TABLE bobs (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'vault');
SELECT entitydb.grant_dataset('vault', 'regress_bob');
SELECT entitydb.seal('vault');
-- Granted, a dataset may be administered and shown by faces of one's own, but not granted on.
SET ROLE regress_alice;
SELECT entitydb.grant_dataset('vault', 'regress_bob');
SELECT entitydb.grant_dataset('vault', 'no such role');
SELECT entitydb.grant_dataset('no such dataset', 'regress_bob');
SELECT entitydb.grant_dataset(NULL, 'regress_bob') IS NULL;
SET ROLE regress_bob;
CREATE FOREIGN TABLE bobs (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'vault');
SELECT * FROM bobs;
UPDATE bobs SET tags = '{bars:13}';
SELECT entitydb.seal('vault') > 0, (SELECT count(*) FROM entitydb.stat_dataset);
SELECT entitydb.compact('vault') > 0, (SELECT count(*) FROM entitydb.verify('vault') WHERE NOT ok);
SELECT entitydb.set_retention('vault', '1000 years', '{kind:log}'), entitydb.hold('vault', '{kind:case}');
SELECT entitydb.set_notify('vault', true), entitydb.set_notify('vault', false);
INSERT INTO bobs VALUES ('lead', '{}');
SELECT entitydb.erase('vault', '{lead}', 'asked for') > 0;
SELECT dataset, tags, keep FROM entitydb.retention;
SELECT * FROM entitydb.holds;
SELECT dataset, ids, entities, reason FROM entitydb.erasure;
SELECT dataset FROM entitydb.stat_segment GROUP BY dataset;
SELECT role, count(*) FROM entitydb.transaction GROUP BY role ORDER BY role;
SELECT entitydb.release('vault', '{kind:case}');
SELECT * FROM vault;
SELECT entitydb.grant_dataset('vault', 'regress_team');
SELECT entitydb.revoke_dataset('vault', 'regress_alice');
SELECT entity_drop('vault');
-- Taken back, the face is left and answers no more; other faces do not notice.
SET ROLE regress_alice;
SELECT entitydb.revoke_dataset('vault', 'regress_bob');
SET ROLE regress_bob;
SELECT * FROM bobs;
INSERT INTO bobs VALUES ('x');
SELECT entitydb.seal('vault');
SELECT entitydb.set_retention('vault', NULL, '{kind:log}');
SELECT entitydb.hold('vault', '{}');
SELECT entitydb.release('vault', '{}');
SELECT entitydb.erase('vault', '{gold}', 'not any more');
SELECT entitydb.finish_erasures();
SELECT (SELECT count(*) FROM entitydb.retention), (SELECT count(*) FROM entitydb.holds),
    (SELECT count(*) FROM entitydb.erasure), (SELECT count(*) FROM entitydb.transaction),
    (SELECT count(*) FROM entitydb.stat_dataset), (SELECT count(*) FROM entitydb.stat_segment);
SET ROLE regress_alice;
SELECT id, tags FROM vault;
-- To the members of a role, also later ones.
SELECT entitydb.grant_dataset('vault', 'regress_team');
RESET ROLE;
GRANT regress_team TO regress_bob;
SET ROLE regress_bob;
SELECT * FROM bobs;
RESET ROLE;
REVOKE regress_team FROM regress_bob;
-- In a transaction, and undone with it.
SET ROLE regress_alice;
BEGIN;
SELECT entitydb.grant_dataset('vault', 'public');
SET ROLE regress_bob;
SELECT count(*) FROM bobs;
ROLLBACK;
SET ROLE regress_bob;
SELECT count(*) FROM bobs;
RESET ROLE;
-- The functions that bear a face's name are for its owner to make: they belong to who made them.
SET ROLE regress_bob;
SELECT entitydb.make_functions('vault');
SELECT entitydb.make_functions('bobs');
SELECT bobs_tag('gold', 'x');
RESET ROLE;

-- What guards a dataset cannot be dropped, moved to where it could be, nor be in the way.
SET ROLE regress_alice;
DROP SERVER "dataset vault" CASCADE;
CREATE FOREIGN TABLE stuck (id text) SERVER "dataset vault" OPTIONS (dataset 'vault');
ALTER SERVER "dataset vault" RENAME TO "another name";
ALTER SERVER "dataset vault" OPTIONS (a 'b');
SELECT id FROM vault;
RESET ROLE;
-- The faces that came with the extension do not change hands: what drops them drops the extension.
ALTER FOREIGN TABLE entity OWNER TO regress_alice;

-- A role that owns a dataset, or was granted one, is not dropped; nobody inherits it by a number.
SET ROLE regress_alice;
SELECT entity_create('spare');
SET client_min_messages = warning;
DROP FOREIGN TABLE spare, spare_version, spare_tag CASCADE;
DROP FOREIGN TABLE spare_event CASCADE;
RESET client_min_messages;
RESET ROLE;
CREATE ROLE regress_carol;
GRANT CREATE, USAGE ON SCHEMA public TO regress_carol;
GRANT regress_alice, regress_carol TO regress_team;
-- By whoever is a member of both; servers for themselves are not for ordinary roles to make.
SET ROLE regress_team;
REASSIGN OWNED BY regress_alice TO regress_carol;
CREATE SERVER "dataset next" FOREIGN DATA WRAPPER entitydb;
RESET ROLE;
SELECT dataset, owner FROM entitydb.stat_dataset WHERE dataset IN ('spare', 'vault') ORDER BY dataset;
SET ROLE regress_carol;
SELECT id, tags FROM vault;
SELECT entity_drop('vault');
SELECT vault_tag('gold', 'carol');
SET ROLE regress_alice;
SELECT entity_drop('vault');
SELECT id FROM vault;
RESET ROLE;
DROP OWNED BY regress_alice;
DROP ROLE regress_alice;
DROP ROLE regress_carol;
-- What a role was granted goes with its objects; what it owns stays until it is dropped or given away.
DROP OWNED BY regress_carol;
SELECT id, tags FROM vault;
SET ROLE regress_carol;
SELECT entitydb.grant_dataset('vault', 'regress_bob');
RESET ROLE;
DROP ROLE regress_bob;
DROP OWNED BY regress_bob;
DROP ROLE regress_bob;
SET ROLE regress_carol;
SELECT entitydb.remove_dataset('spare');
SELECT entity_drop('vault');
RESET ROLE;
DROP OWNED BY regress_carol, regress_team;
DROP ROLE regress_carol, regress_team;

-- A dump makes a face and then gives it to its owner: a dataset in which nothing was recorded follows.
CREATE ROLE regress_alice;
CREATE ROLE regress_bob;
CREATE ROLE regress_team;
GRANT CREATE, USAGE ON SCHEMA public TO regress_alice, regress_bob, regress_team;
CREATE FOREIGN TABLE fresh (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'fresh');
ALTER FOREIGN TABLE fresh OWNER TO regress_alice;
SELECT dataset, owner FROM entitydb.stat_dataset WHERE dataset = 'fresh';
CREATE FOREIGN TABLE fresh_event (id text, tag text) SERVER entitydb_log OPTIONS (dataset 'fresh');
ALTER FOREIGN TABLE fresh_event OWNER TO regress_alice;
-- A face of another owner: the dataset is granted to it; or follows, if all the others are its members.
CREATE FOREIGN TABLE fresh_bob (id text) SERVER entitydb OPTIONS (dataset 'fresh');
ALTER FOREIGN TABLE fresh_bob OWNER TO regress_bob;
SELECT dataset, owner FROM entitydb.stat_dataset WHERE dataset = 'fresh';
GRANT regress_team TO regress_alice, regress_bob;
CREATE FOREIGN TABLE fresh_team (id text) SERVER entitydb OPTIONS (dataset 'fresh');
ALTER FOREIGN TABLE fresh_team OWNER TO regress_team;
SELECT dataset, owner FROM entitydb.stat_dataset WHERE dataset = 'fresh';
SET ROLE regress_bob;
INSERT INTO fresh_bob VALUES ('a');
RESET ROLE;
SELECT * FROM fresh;
-- Once something was recorded, a face is given to members alone; and never by who could not grant the dataset.
CREATE ROLE regress_carol;
ALTER FOREIGN TABLE fresh OWNER TO regress_carol;
GRANT CREATE ON SCHEMA public TO regress_carol;
GRANT regress_carol TO regress_bob;
SET ROLE regress_bob;
ALTER FOREIGN TABLE fresh_bob OWNER TO regress_carol;
SET ROLE regress_alice;
CREATE FOREIGN TABLE empty (id text) SERVER entitydb OPTIONS (dataset 'empty');
SELECT entitydb.grant_dataset('empty', 'regress_bob');
SET ROLE regress_bob;
CREATE FOREIGN TABLE empty_bob (id text) SERVER entitydb OPTIONS (dataset 'empty');
ALTER FOREIGN TABLE empty_bob OWNER TO regress_carol;
RESET ROLE;
SELECT entity_drop('fresh');
SELECT entity_drop('empty');

-- A name is taken by who takes it first, and only by who may make a face.
CREATE ROLE regress_stranger;
SET ROLE regress_stranger;
SELECT entity_create('squat');
SELECT entitydb.create_in('public', 'squat', '{}', 'text');
RESET ROLE;
-- A table of another wrapper is no face, whatever its options say.
CREATE FOREIGN DATA WRAPPER regress_other;
CREATE SERVER regress_other FOREIGN DATA WRAPPER regress_other;
CREATE FOREIGN TABLE posing (id text, tags text[]) SERVER regress_other OPTIONS (dataset 'entity');
SELECT entitydb.tag('posing', 'a', 'x', NULL);
SELECT entitydb.make_functions('posing');
SELECT entitydb.check_face('posing');
DROP FOREIGN DATA WRAPPER regress_other CASCADE;

-- Nothing runs as another role because it says so; nothing that is found by a path is found by the caller's; and PUBLIC reads
-- names and views that choose their rows, and writes nothing.
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'entitydb'::regnamespace AND p.prosecdef;
SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace = 'entitydb'::regnamespace AND l.lanname IN ('sql', 'plpgsql')
    AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (p.proconfig), false);
SELECT c.relname, c.relkind, a.privilege_type, 'security_barrier=true' = ANY (c.reloptions) AS barrier
FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
WHERE c.relnamespace = 'entitydb'::regnamespace AND a.grantee = 0 ORDER BY 1, 3;
SELECT c.relname, t.attname, a.privilege_type
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid CROSS JOIN aclexplode(t.attacl) a
WHERE c.relnamespace = 'entitydb'::regnamespace AND a.grantee = 0 ORDER BY 1, t.attnum;
-- Default privileges are meant for what users make, and give no right to what lies below a dataset.
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO regress_stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON SEQUENCES TO regress_stranger;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO regress_stranger;
SELECT entity_create('guarded');
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'entitydb'::regnamespace
    AND has_table_privilege('regress_stranger', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
CREATE SCHEMA elsewhere;
SET client_min_messages = warning;
DROP EXTENSION entitydb CASCADE;
CREATE EXTENSION entitydb SCHEMA elsewhere;
RESET client_min_messages;
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'entitydb'::regnamespace
    AND has_table_privilege('regress_stranger', c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER');
SET ROLE regress_stranger;
SELECT entitydb.make_dataset('new', 10);
SELECT entitydb.drop_dataset('entity');
SELECT entitydb.adopt_dataset(1, 'regress_stranger'::regrole);
RESET ROLE;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON TABLES FROM regress_stranger;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON SEQUENCES FROM regress_stranger;
ALTER DEFAULT PRIVILEGES REVOKE ALL ON FUNCTIONS FROM regress_stranger;
-- Who has no right to schema entitydb may alter his tables still.
REVOKE USAGE ON SCHEMA entitydb FROM PUBLIC;
GRANT CREATE ON SCHEMA public TO regress_stranger;
SET ROLE regress_stranger;
CREATE TABLE own (a int);
ALTER TABLE own ADD COLUMN b int;
RESET ROLE;
DROP OWNED BY regress_alice, regress_bob, regress_team, regress_carol, regress_stranger;
DROP ROLE regress_alice, regress_bob, regress_team, regress_carol, regress_stranger;
