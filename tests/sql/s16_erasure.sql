-- S16: what is erased is gone from every answer, under every token and at
-- every instant; the rest is as it was. (What receipts say is in
-- erasure_receipts.sql.)
SELECT entity_create('person');
INSERT INTO person (id, tags, content, created_at) VALUES ('ann', '{role:admin}', 'a', '2020-01-01'),
    ('bob', '{role:admin,knows:ann}', 'b', '2020-01-01'), ('cid', '{role:user}', 'c', '2020-01-01');
SELECT entitydb.seal('person');
UPDATE person SET tags = '{role:user}' WHERE id = 'ann';
INSERT INTO person (id, tags) VALUES ('dan', '{role:user}');
SELECT person_tag('ann', 'later', '2050-01-01');

-- Some of what goes is sealed, some is not, and an id that never was is no error.
SELECT entitydb.erase('person', '{ann,dan,eve}', 'request 17') AS receipt \gset
SELECT id, tags FROM person ORDER BY id;
SELECT id, tags FROM person_as_of('2020-06-01') ORDER BY id;
SELECT id, tags FROM person_as_of('2020-06-01', now()) ORDER BY id;
SELECT id, op, tag FROM person_event ORDER BY id, seq;
SELECT count(*) FROM person_history('ann');
SELECT count(*) FROM person_timeline('-infinity');
SELECT * FROM person_facets('role', at => '2020-06-01');
SELECT * FROM person_diff('ann', '2020-06-01', now());
SELECT count(*) FROM person WHERE tags @> '{later}';
SELECT person_untag('ann', 'role:user'), person_delete('ann');
SELECT person_tag('ann', 'x');

-- The feed of changes says that something was erased, and no more.
SELECT id, ts, op, tag::bigint = :receipt AS is_receipt, recorded_at IS NOT NULL AS is_recorded, seq
FROM person_changes() WHERE op = 'erase';
SELECT id, op FROM person_changes() ORDER BY id, seq;
SELECT count(*) FROM person_changes() WHERE id <> 'bob';
SELECT count(*), count(DISTINCT tx) FROM person_changes();
SELECT person_snapshot() AS token \gset
SELECT count(*) FROM person_changes(:'token');
SELECT entitydb.erase('person', '{nobody}', 'nobody') - :receipt;
SELECT op, tag::bigint - :receipt AS receipt FROM person_changes(:'token');
SELECT id, tags FROM person_as_of_snapshot(:'token', '2020-06-01') ORDER BY id;

-- A tag of another entity that names an erased id is that entity's fact.
SELECT id FROM person WHERE tags @> '{knows:ann}';

-- The id may be used again; nothing comes back.
INSERT INTO person (id, tags) VALUES ('ann', '{new}');
SELECT op, tag, seq FROM person_history('ann');
SELECT id, tags FROM person ORDER BY id;

-- Erasing is part of the transaction: a rollback leaves nothing of it, its own writes go with the rest.
BEGIN;
INSERT INTO person (id, tags) VALUES ('fay', '{mine}');
SELECT count(*) FROM person WHERE id IN ('fay', 'bob');
SAVEPOINT s;
SELECT entitydb.erase('person', '{fay,bob}', 'savepoint') > :receipt AS is_next;
SELECT id FROM person ORDER BY id;
ROLLBACK TO s;
SELECT id FROM person ORDER BY id;
SELECT entitydb.erase('person', '{fay}', 'own') > :receipt AS is_next;
INSERT INTO person (id, tags) VALUES ('fay', '{again}');
SELECT id, tags FROM person ORDER BY id;
ROLLBACK;
SELECT id FROM person ORDER BY id;

-- Beside a cursor that was opened before, in the same transaction.
BEGIN;
DECLARE c CURSOR FOR SELECT id FROM person ORDER BY id;
SELECT entitydb.erase('person', '{ann}', 'cursor') > :receipt AS is_next;
FETCH ALL FROM c;
SELECT id FROM person ORDER BY id;
COMMIT;

-- All that a dataset has, twice, and nothing.
SELECT entitydb.erase('person', array_agg(id), 'all') > :receipt AS is_next FROM person;
SELECT entitydb.erase('person', '{ann,bob}', 'all again') > :receipt AS is_next;
SELECT entitydb.erase('person', '{}', NULL) > :receipt AS is_next;
SELECT count(*) FROM person_event;

-- A bulk load of what was erased is a new beginning.
SET entitydb.bulk_threshold = 2;
INSERT INTO person_event (id, ts, tag) SELECT 'p' || n, '2021-01-01', 't:' || n FROM generate_series(1, 9) n;
SELECT entitydb.erase('person', '{p1,p2,p3}', 'loaded') > :receipt AS is_next;
INSERT INTO person_event (id, ts, tag) SELECT 'p' || n, '2021-01-01', 't:' || n FROM generate_series(1, 9) n;
SELECT id, tags FROM person ORDER BY id;
SELECT count(*) FROM person_event;
RESET entitydb.bulk_threshold;
