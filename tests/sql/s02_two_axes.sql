-- S2: valid time belongs to the user, system time to the database.
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- A scheduled fact is no part of the present; the event face and a later instant show it.
INSERT INTO entity (id, tags) VALUES ('a', '{now}');
SELECT entity_tag('a', 'later', at => '2200-01-01');
INSERT INTO entity (id, tags, created_at) VALUES ('scheduled', '{x}', '2200-01-01');
SELECT id, tags FROM entity ORDER BY id;
SELECT id, tags FROM entity_as_of('2200-01-01') ORDER BY id;
SELECT id, tags FROM entity_as_of('2199-12-31') ORDER BY id;
SELECT id, op, tag FROM entity_event WHERE ts > '2100-01-01' ORDER BY id, seq;

-- What the transaction stamped is seen by its next plain read, though not as of now(), which is its start.
BEGIN;
SELECT count(*) AS before FROM entity_as_of(now());
INSERT INTO entity (id) VALUES ('mine');
SELECT count(*) FROM entity WHERE id = 'mine';
SELECT count(*) FROM entity_as_of(now()) WHERE id = 'mine';
SELECT count(*) FROM entity_as_of(clock_timestamp()) WHERE id = 'mine';
COMMIT;

-- From REPEATABLE READ up a plain read's clock is that of the snapshot, whatever the transaction read first; its own facts
-- become true with the statement's. (True however slow the machine is.)
SELECT clock_timestamp() + interval '1 second' AS due \gset
INSERT INTO entity (id, created_at) VALUES ('due', :'due');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT statement_timestamp() AS taken \gset
INSERT INTO entity (id, created_at) VALUES ('own', :'due');
SELECT pg_sleep_until(:'due'::timestamptz + interval '10 milliseconds');
SELECT (count(*) = 1) = (:'taken' >= :'due'::timestamptz) AS as_of_the_snapshot FROM entity WHERE id = 'due';
SELECT id FROM entity WHERE id = 'own';
COMMIT;
SELECT id FROM entity WHERE id IN ('due', 'own') ORDER BY id;

-- Believed then: a correction is seen as best known, and not as known before it.
INSERT INTO entity (id, tags, created_at) VALUES ('c', '{wrong}', '2001-01-01');
SELECT clock_timestamp() AS before \gset
SELECT pg_sleep(0.01);
SELECT entity_put('c', '{right}', at => '2001-01-01');
SELECT tags FROM entity_as_of('2005-01-01') WHERE id = 'c';
SELECT tags FROM entity_as_of('2005-01-01', :'before') WHERE id = 'c';
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT tags FROM entity_as_of('2005-01-01') WHERE id = 'c';
SELECT tags FROM entity_as_of('2005-01-01', :'before') WHERE id = 'c';
SELECT count(*) FROM entity_as_of('2005-01-01', '2001-01-01');
