-- What an erasure leaves of the segments: one tile, and the ids of the others; nothing where nobody is left. And one that is
-- prepared, for which seals wait.
SELECT entity_create('person');
INSERT INTO person (id, content) VALUES ('ann', 'a'), ('bob', 'b'), ('cid', 'c'), ('dan', NULL);
SELECT entitydb.seal('person');
UPDATE person SET tags = '{late}' WHERE id = 'ann';
SELECT entitydb.erase('person', '{ann,eve}', 'one') > 0 AS is_receipt;
SELECT kind, events, entities FROM entitydb.stat_segment WHERE dataset = 'person' ORDER BY kind;
SELECT segments, events FROM entitydb.stat_dataset WHERE dataset = 'person';
SELECT entitydb.erase('person', '{bob,cid}', 'two') > 0 AS is_receipt;
SELECT kind, events, entities FROM entitydb.stat_segment WHERE dataset = 'person' ORDER BY kind;
-- Rolled back, they are all there again.
BEGIN;
SELECT entitydb.erase('person', '{dan}', 'three') > 0 AS is_receipt;
SELECT count(*) FROM entitydb.stat_segment WHERE dataset = 'person';
ROLLBACK;
SELECT kind, events, entities FROM entitydb.stat_segment WHERE dataset = 'person' ORDER BY kind;
SELECT entitydb.erase('person', '{dan}', 'three') > 0 AS is_receipt;
SELECT count(*) FROM entitydb.stat_segment WHERE dataset = 'person';
-- Prepared.
INSERT INTO person (id) VALUES ('fay'), ('gus');
BEGIN;
SELECT entitydb.erase('person', '{fay}', 'prepared') > 0 AS is_receipt;
PREPARE TRANSACTION 'erasure_segments';
SELECT id FROM person ORDER BY id;
SELECT count(*) FROM entitydb.erasure WHERE reason = 'prepared';
COMMIT PREPARED 'erasure_segments';
SELECT id FROM person ORDER BY id;
SELECT count(*) FROM entitydb.erasure WHERE reason = 'prepared';
SELECT entity_drop('person');
