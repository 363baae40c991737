-- What the receipts of erasures say, and who sees them.
SELECT entity_create('person');
INSERT INTO person (id) VALUES ('ann'), ('bob'), ('cid'), ('dan');
SELECT entitydb.seal('person');
UPDATE person SET tags = '{late}' WHERE id = 'ann';
SELECT entitydb.erase('person', '{ann,eve}', 'request 17') AS receipt \gset
SELECT dataset, state, done_at, ids, entities, reason, tx = pg_current_xact_id() AS is_own, unreachable
FROM entitydb.erasure WHERE receipt = :receipt;
DO $$
BEGIN
    -- Other sessions of the server may have a snapshot that is in the way for a moment.
    FOR i IN 1..600 LOOP
        PERFORM entitydb.finish_erasures();
        COMMIT;
        EXIT WHEN NOT EXISTS (SELECT FROM entitydb.erasure e WHERE e.state = 'pending');
        PERFORM pg_sleep(0.05);
        COMMIT;
    END LOOP;
END
$$;
SELECT state, done_at >= requested_at AS is_later FROM entitydb.erasure WHERE receipt = :receipt;
SELECT entitydb.finish_erasures();
SELECT * FROM entitydb.verify('person') WHERE NOT ok;

-- The transaction that erases cannot finish it.
BEGIN;
SELECT entitydb.erase('person', '{bob}', 'own') > :receipt AS is_next;
SELECT entitydb.finish_erasures(), entitydb.seal('person'), entitydb.compact('person');
SELECT state FROM entitydb.erasure WHERE reason = 'own';
ROLLBACK;
SELECT count(*) FROM entitydb.erasure WHERE reason = 'own';

-- seal and compact finish what can be finished.
SELECT entitydb.erase('person', '{bob}', 'seal') > :receipt AS is_next;
DO $$
BEGIN
    -- Other sessions of the server may have a snapshot that is in the way for a moment.
    FOR i IN 1..600 LOOP
        PERFORM entitydb.seal('person');
        COMMIT;
        EXIT WHEN NOT EXISTS (SELECT FROM entitydb.erasure e WHERE e.state = 'pending');
        PERFORM pg_sleep(0.05);
        COMMIT;
    END LOOP;
END
$$;
SELECT state FROM entitydb.erasure WHERE reason = 'seal';

SELECT entitydb.erase('person', '{cid,dan}', 'compact') > :receipt AS is_next;
DO $$
BEGIN
    -- Other sessions of the server may have a snapshot that is in the way for a moment.
    FOR i IN 1..600 LOOP
        PERFORM entitydb.compact('person');
        COMMIT;
        EXIT WHEN NOT EXISTS (SELECT FROM entitydb.erasure e WHERE e.state = 'pending');
        PERFORM pg_sleep(0.05);
        COMMIT;
    END LOOP;
END
$$;
SELECT state FROM entitydb.erasure WHERE reason = 'compact';
SELECT state, ids, entities, reason FROM entitydb.erasure ORDER BY receipt;

-- A receipt of a dataset that is dropped before it is finished.
SELECT entity_create('short');
INSERT INTO short (id) VALUES ('a');
SELECT entitydb.erase('short', '{a}', 'short') > :receipt AS is_next;
SELECT entity_drop('short');
DO $$
BEGIN
    -- Other sessions of the server may have a snapshot that is in the way for a moment.
    FOR i IN 1..600 LOOP
        PERFORM entitydb.finish_erasures();
        COMMIT;
        EXIT WHEN NOT EXISTS (SELECT FROM entitydb.erasure e WHERE e.state = 'pending');
        PERFORM pg_sleep(0.05);
        COMMIT;
    END LOOP;
END
$$;
SELECT state FROM entitydb.erasure WHERE reason = 'short';

-- What is refused.
\set VERBOSITY terse
SELECT entitydb.erase(NULL, '{a}', 'r');
SELECT entitydb.erase('person', NULL, 'r');
SELECT entitydb.erase('person', '{a,NULL}', 'r');
SELECT entitydb.erase('person', '{a,""}', 'r');
SELECT entitydb.erase('nobody', '{a}', 'r');
SELECT entitydb.erase('person', ARRAY[repeat('x', 1025)], 'r');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT entitydb.erase('person', '{ann}', 'r');
ROLLBACK;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT entitydb.finish_erasures();
ROLLBACK;
BEGIN READ ONLY;
SELECT entitydb.erase('person', '{ann}', 'r');
ROLLBACK;

-- Privileges: members of the dataset's owner erase and see receipts, others do neither.
CREATE ROLE receipts_owner;
CREATE ROLE receipts_member IN ROLE receipts_owner;
CREATE ROLE receipts_other;
GRANT CREATE ON SCHEMA public TO receipts_owner;
SET ROLE receipts_owner;
SELECT entity_create('theirs');
INSERT INTO theirs (id) VALUES ('x'), ('y');
GRANT ALL ON theirs TO receipts_other;
SET ROLE receipts_other;
SELECT entitydb.erase('theirs', '{x}', 'r');
SELECT count(*) FROM entitydb.erasure;
SELECT count(*) FROM entitydb.erasure_log;
SELECT entitydb.note_done('{1}', '{}');
SELECT entitydb.finish_erasures();
SET ROLE receipts_member;
SELECT entitydb.erase('theirs', '{x}', 'theirs') > 0 AS is_receipt;
DO $$
BEGIN
    -- Other sessions of the server may have a snapshot that is in the way for a moment.
    FOR i IN 1..600 LOOP
        PERFORM entitydb.finish_erasures();
        COMMIT;
        EXIT WHEN NOT EXISTS (SELECT FROM entitydb.erasure e WHERE e.state = 'pending');
        PERFORM pg_sleep(0.05);
        COMMIT;
    END LOOP;
END
$$;
SELECT dataset, state, reason FROM entitydb.erasure;
SELECT id FROM theirs;
RESET ROLE;
-- A dataset that is dropped leaves its receipts.
SELECT entity_drop('theirs');
SELECT dataset, state, reason FROM entitydb.erasure WHERE dataset = 'theirs';
SELECT entity_drop('person');
REVOKE CREATE ON SCHEMA public FROM receipts_owner;
DROP ROLE receipts_other, receipts_member, receipts_owner;
SELECT count(*) AS are_left FROM entitydb.erasure WHERE dataset = 'person';

-- Receipts that a restore brought have higher numbers than the sequence gave; numbers stay unique.
SELECT entity_create('copy');
SELECT max(receipt) + 10 AS restored FROM entitydb.erasure_log \gset
INSERT INTO entitydb.erasure_log (receipt, dataset, dataset_name, requested_at, ids, entities, needed, mark) OVERRIDING SYSTEM VALUE
VALUES (:restored, 1, 'copy', '2020-01-01', 1, 1, '1', gen_random_uuid());
SELECT entitydb.erase('copy', '{a}', 'r') - :restored AS is_next;
SELECT entitydb.erase('copy', '{a}', 'r') - :restored AS is_next;
-- So does a sequence that was turned back.
SELECT setval('entitydb.erasure_log_receipt_seq', 1);
SELECT entitydb.erase('copy', '{a}', 'r') - :restored AS is_next;
SELECT receipt - :restored AS receipt, tx IS NULL AS is_restored FROM entitydb.erasure WHERE dataset = 'copy' ORDER BY 1;
SELECT entity_drop('copy');
