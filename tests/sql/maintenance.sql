-- Maintenance within statements and transactions: each call sees what the one before it did, and nothing is lost.
SET timezone = 'UTC';
INSERT INTO entity (id, tags, created_at) VALUES ('a', '{x}', '2020-01-01'), ('b', '{x}', '2020-01-02');
SELECT entitydb.seal('entity'), entitydb.seal('entity'), entitydb.compact('entity');
UPDATE entity SET tags = '{y}', content = '\x01' WHERE id = 'a';
SELECT entitydb.seal('entity'), entitydb.compact('entity'), entitydb.compact('entity'), entitydb.seal('entity');
-- A kind that has no instants, transactions or ordinals shows none.
SELECT kind, events, min_ts IS NULL AS ts, min_tx IS NULL AND max_tx IS NULL AS tx, min_ordinal, max_ordinal
FROM entitydb.stat_segment ORDER BY kind;
SELECT min_ts, max_ts > min_ts AS later FROM entitydb.stat_segment WHERE kind = 'tile';
SELECT bool_and(ok) FROM entitydb.verify('entity');
SELECT id, tags, content FROM entity ORDER BY id;
SELECT count(*) FROM entity_event;
-- What the transaction itself wrote is sealed after it.
BEGIN;
SELECT entity_tag('b', 'z'), entitydb.seal('entity'), entitydb.compact('entity');
SELECT id, tags FROM entity ORDER BY id;
ROLLBACK;
SELECT id, tags FROM entity ORDER BY id;
-- Another transaction's catalog is no reason to sweep the files of the one that a rollback brings back.
BEGIN;
SET LOCAL client_min_messages = warning;
DROP EXTENSION entitydb CASCADE;
CREATE EXTENSION entitydb;
SELECT entity_put('new', '{x}') FROM generate_series(1, 2);
SET LOCAL entitydb.bulk_threshold = 5;
SELECT entity_create('other');
INSERT INTO other (id) SELECT 'o' || i FROM generate_series(1, 10) i;
SELECT entitydb.seal('other'), entitydb.compact('other');
ROLLBACK;
SELECT id, tags FROM entity ORDER BY id;
SELECT bool_and(ok) FROM entitydb.verify('entity');
