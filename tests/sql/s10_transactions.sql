-- S10: all of a transaction's events or none, on every axis.
BEGIN;
INSERT INTO entity (id, tags) VALUES ('a', '{x}');
UPDATE entity SET tags = tags || '{y}' WHERE id = 'a';
SELECT entity_tag('a', 'z');
SELECT tags FROM entity;
SAVEPOINT s;
SELECT entity_tag('a', 'gone');
DELETE FROM entity;
SELECT count(*) FROM entity;
ROLLBACK TO s;
SELECT tags FROM entity;
SAVEPOINT s;
INSERT INTO entity (id) VALUES ('a');
ROLLBACK TO s;
INSERT INTO entity (id) VALUES ('b');
COMMIT;
SELECT id, tags FROM entity ORDER BY id;
SELECT id, count(*), count(DISTINCT tx) AS transactions, max(seq) FROM entity_event GROUP BY id ORDER BY id;

BEGIN;
INSERT INTO entity (id) VALUES ('never');
SELECT entity_put('a', '{never}');
SET LOCAL entitydb.bulk_threshold = 0;
ROLLBACK;
SELECT id, tags FROM entity ORDER BY id;
SELECT count(*) FROM entity_event WHERE id = 'never' OR tag = 'never';

-- A statement that fails leaves nothing of its first rows.
INSERT INTO entity (id) VALUES ('c'), ('a');
INSERT INTO entity (id) SELECT x FROM unnest('{d,a}'::text[]) x;
SELECT count(*) FROM entity;
-- An exception caught in a function takes its own writes along only.
DO $$
BEGIN
    PERFORM entity_tag('b', 'kept');
    BEGIN
        PERFORM entity_tag('b', 'lost');
        RAISE EXCEPTION 'x';
    EXCEPTION WHEN OTHERS THEN NULL;
    END;
    PERFORM entity_tag('b', 'kept too');
END $$;
SELECT tags FROM entity WHERE id = 'b';
