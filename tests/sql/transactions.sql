-- Who wrote and why: one row of entitydb.transaction a transaction that wrote.
SET application_name = 'tester';
CREATE TEMP TABLE ours (nth serial, tx xid8);
CREATE FUNCTION recorded() RETURNS TABLE (nth int, role text, application_name text, note text, recorded boolean) LANGUAGE sql AS $$
    SELECT o.nth, t.role, t.application_name, t.note, t.recorded_at = pg_xact_commit_timestamp(t.tx::xid)
    FROM entitydb.transaction t LEFT JOIN ours o USING (tx) ORDER BY t.tx
$$;
-- A read writes no row; a statement that changes nothing neither.
SELECT count(*) FROM entity;
SELECT entity_untag('nobody', 'x');
SELECT count(*) FROM entitydb.transaction;
BEGIN;
SET LOCAL entitydb.note = 'JIRA-1';
INSERT INTO entity (id, tags) VALUES ('a', '{x}');
SELECT entity_tag('a', 'y');
INSERT INTO ours (tx) SELECT pg_current_xact_id();
SELECT note, recorded_at FROM entitydb.transaction WHERE tx = pg_current_xact_id();
COMMIT;
SELECT * FROM recorded();
SELECT count(*) = 1 AS joined FROM (SELECT DISTINCT tx FROM entity_event) e JOIN entitydb.transaction t USING (tx) WHERE t.note = 'JIRA-1';
-- Every way to write: the event face, a bulk load, UPDATE, DELETE, TRUNCATE.
BEGIN; SET LOCAL entitydb.note = 'facts'; INSERT INTO entity_event (id, tag) VALUES ('a', 'z'); COMMIT;
BEGIN; SET LOCAL entitydb.note = 'load'; SET LOCAL entitydb.bulk_threshold = 1; INSERT INTO entity (id) SELECT 'b' || i FROM generate_series(1, 9) i; COMMIT;
BEGIN; SET LOCAL entitydb.note = 'update'; UPDATE entity SET tags = '{u}' WHERE id = 'b1'; COMMIT;
BEGIN; SET LOCAL entitydb.note = 'delete'; DELETE FROM entity WHERE id = 'b2'; COMMIT;
BEGIN; SET LOCAL entitydb.note = 'truncate'; TRUNCATE entity; ROLLBACK;
SELECT note, recorded FROM recorded();
-- The note of the last write under one; a note without a write is nothing; without a note the last one stays.
BEGIN;
SELECT entity_tag('a', 'n1');
SET LOCAL entitydb.note = 'one';
SELECT entity_tag('a', 'n2');
SET LOCAL entitydb.note = 'two';
SELECT entity_tag('a', 'n3');
SET LOCAL entitydb.note = 'never written';
SET LOCAL entitydb.note = '';
SELECT entity_tag('a', 'n4');
SELECT note FROM entitydb.transaction WHERE tx = pg_current_xact_id();
COMMIT;
-- What a savepoint takes back takes its row and its note back, and no other.
BEGIN;
SAVEPOINT s;
SET LOCAL entitydb.note = 'taken back';
SELECT entity_tag('a', 's1');
SELECT note FROM entitydb.transaction WHERE tx = pg_current_xact_id();
ROLLBACK TO s;
SELECT count(*) FROM entitydb.transaction WHERE tx = pg_current_xact_id();
SET LOCAL entitydb.note = 'kept';
SAVEPOINT t;
SELECT entity_tag('a', 's2');
RELEASE t;
SAVEPOINT u;
SET LOCAL entitydb.note = 'taken back too';
SELECT entity_tag('a', 's3');
ROLLBACK TO u;
SELECT entity_tag('a', 's4');
SELECT note FROM entitydb.transaction WHERE tx = pg_current_xact_id();
COMMIT;
BEGIN;
SELECT entity_tag('a', 'rolled back');
ROLLBACK;
-- Prepared and decided.
BEGIN;
SET LOCAL entitydb.note = 'prepared';
SELECT entity_tag('a', 'p');
PREPARE TRANSACTION 'transactions';
SELECT count(*) FROM entitydb.transaction WHERE note = 'prepared';
COMMIT PREPARED 'transactions';
SELECT count(*) FROM entitydb.transaction WHERE note = 'prepared';
-- Switched off.
SET entitydb.record_transactions = off;
BEGIN; SET LOCAL entitydb.note = 'off'; SELECT entity_tag('a', 'off'); COMMIT;
RESET entitydb.record_transactions;
SELECT note, recorded FROM recorded();
-- Sealed and compacted, the commit times are the same.
CREATE TEMP TABLE before AS SELECT tx, recorded_at FROM entitydb.transaction;
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT count(*) FROM before b LEFT JOIN entitydb.transaction t USING (tx) WHERE t.recorded_at IS DISTINCT FROM b.recorded_at;

-- Two datasets in one transaction are one row; who acts is who SET ROLE, whatever function of whomever writes.
SELECT entity_create('other');
CREATE ROLE regress_writer;
CREATE ROLE regress_stranger;
CREATE ROLE regress_auditor IN ROLE pg_read_all_stats;
GRANT SELECT, INSERT, UPDATE ON other, entity TO regress_writer;
BEGIN;
SET LOCAL ROLE regress_writer;
SET LOCAL entitydb.note = 'both';
INSERT INTO entity (id) VALUES ('c');
INSERT INTO other (id) VALUES ('c');
SELECT count(*) FROM entitydb.transaction;
COMMIT;
SELECT role, note FROM entitydb.transaction WHERE note = 'both';
CREATE FUNCTION write_as_owner() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT entity_put('d', '{}') $$;
BEGIN;
SET LOCAL ROLE regress_writer;
SET LOCAL entitydb.note = 'definer';
SELECT write_as_owner();
COMMIT;
SELECT role FROM entitydb.transaction WHERE note = 'definer';
-- Who may look: members of the owner of a dataset that was written, and of pg_read_all_stats.
SET ROLE regress_stranger;
SELECT count(*) FROM entitydb.transaction;
SELECT count(*) FROM entitydb.written;
RESET ROLE;
CREATE SCHEMA theirs AUTHORIZATION regress_stranger;
SET ROLE regress_stranger;
SET search_path = theirs;
SELECT public.entity_create('mine');
BEGIN; SET LOCAL entitydb.note = 'my own'; SELECT mine_put('m', '{}'); COMMIT;
SELECT role, note FROM entitydb.transaction;
SELECT note FROM entitydb.transaction WHERE note LIKE 'b%' OR pg_sleep(0) IS NULL;
RESET search_path;
SET ROLE regress_auditor;
SELECT count(*) > 5 AS many FROM entitydb.transaction;
RESET ROLE;
-- A dataset that is dropped takes its rows along.
SELECT entity_drop('mine');
SELECT count(*) FROM entitydb.transaction WHERE note = 'my own';
BEGIN; SET LOCAL entitydb.note = 'truncated'; TRUNCATE other; COMMIT;
SELECT count(*) FROM entitydb.transaction WHERE note = 'truncated';
SELECT entity_drop('other');
SELECT note FROM entitydb.transaction WHERE note = 'both';
DROP SCHEMA theirs;
DROP FUNCTION write_as_owner, recorded;
REVOKE ALL ON entity FROM regress_writer;
DROP ROLE regress_writer, regress_stranger, regress_auditor;
