-- S12: the feed gives each event committed since a token exactly once, and never the caller's own uncommitted ones.
CREATE TEMP TABLE token (n int, t pg_snapshot);
CREATE TEMP TABLE seen (n int, id text, ts_ns bigint, op text, tag text, content bytea, recorded_at timestamptz, tx xid8, seq bigint);
CREATE PROCEDURE poll(n int) LANGUAGE sql AS $$
    WITH given AS (SELECT entity_snapshot() AS t), polled AS (
        INSERT INTO seen SELECT $1, c.id, c.ts_ns, c.op, c.tag, c.content, c.recorded_at, c.tx, c.seq
        FROM entity_changes((SELECT token.t FROM token ORDER BY token.n DESC LIMIT 1)) c)
    INSERT INTO token SELECT $1, given.t FROM given
$$;
CALL poll(0);
SELECT count(*) FROM seen;
INSERT INTO entity (id, tags, content, created_at) VALUES ('a', '{type:user,s:1}', '\x01', '2020-01-01'), ('b', '{s:1}', NULL, '2019-01-01');
CALL poll(1);
SELECT id, op, tag, content, recorded_at IS NOT NULL AS recorded, seq FROM seen WHERE n = 1 ORDER BY ctid;
CALL poll(2);
SELECT count(*) FROM seen WHERE n = 2;

-- Sealed, unsealed, compacted and loaded in bulk: each once.
SELECT entity_tag('a', 's:2');
SELECT entitydb.seal('entity') > 0;
SELECT entity_tag('b', 's:3', '2019-06-01');
CALL poll(3);
SELECT id, op, tag FROM seen WHERE n = 3 ORDER BY ctid;
SELECT entitydb.seal('entity') > 0, entitydb.compact('entity') > 0;
CALL poll(4);
SELECT count(*) FROM seen WHERE n = 4;
SET entitydb.bulk_threshold = 2;
INSERT INTO entity (id, tags) SELECT 'bulk' || i, '{s:9}' FROM generate_series(1, 5) i;
RESET entitydb.bulk_threshold;
CALL poll(5);
SELECT id, op, tag FROM seen WHERE n = 5 ORDER BY id, seq;
SELECT entity_delete('a');
CALL poll(6);
SELECT id, op, tag FROM seen WHERE n = 6;
(SELECT id, ts_ns, op, tag, content, recorded_at, tx, seq FROM seen EXCEPT ALL
    SELECT id, ts_ns, op, tag, content, recorded_at, tx, seq FROM entity_event)
UNION ALL
(SELECT id, ts_ns, op, tag, content, recorded_at, tx, seq FROM entity_event EXCEPT ALL
    SELECT id, ts_ns, op, tag, content, recorded_at, tx, seq FROM seen);

-- Without a token, everything; and the functions are what the feed is read by.
SELECT count(*) = (SELECT count(*) FROM entity_event) AS everything FROM entity_changes();
SELECT count(*) = (SELECT count(*) FROM entity_event WHERE tag = 's:9') AS filtered FROM entity_changes() WHERE tag = 's:9';
SELECT op, tag FROM entity_changes(NULL) WHERE id = 'b';
SELECT bool_and(ts_ns >= before) AS in_order
FROM (SELECT ts_ns, lag(ts_ns) OVER () AS before FROM entity_changes()) c;

-- Own events are the feed's once they are committed.
SELECT entity_snapshot() AS token \gset
BEGIN;
INSERT INTO entity (id) VALUES ('own');
SELECT count(*) FROM entity_changes(:'token');
SELECT count(*) FROM entity_event WHERE id = 'own';
SELECT entity_snapshot() AS within \gset
SAVEPOINT s;
SELECT entity_tag('own', 'sub');
SELECT count(*) FROM entity_changes(:'token') a, entity_changes(:'within') b;
SELECT count(*) FROM entity_changes(NULL) WHERE id = 'own';
SELECT pg_visible_in_snapshot(pg_current_xact_id(), entity_snapshot()) AS own_is_known;
RELEASE s;
COMMIT;
SELECT op, tag FROM entity_changes(:'token');
SELECT op, tag FROM entity_changes(:'within');
SELECT count(*) FROM entity_changes(entity_snapshot());

-- The same token throughout a statement, and throughout a transaction in REPEATABLE READ.
SELECT count(DISTINCT entity_snapshot()::text) FROM generate_series(1, 5);
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT entity_snapshot() AS first \gset
SELECT entity_tag('own', 'later');
SELECT entity_snapshot()::text = :'first' AS same, (SELECT count(*) FROM entity_changes(:'token')) AS changes;
COMMIT;
SELECT tag FROM entity_changes(:'first');

-- The settings that bound a session bind no feed.
SELECT count(*) AS all FROM entity_changes() \gset
SET entitydb.as_of = '2019-12-31';
SET entitydb.as_of_system = '2019-12-31';
SELECT count(*) = :all AS all FROM entity_changes();
SELECT tag FROM entity_changes(:'first');
SELECT tag FROM entity_changes() WHERE id = 'own' AND tag <> 'sub';
SELECT count(*) FROM entity_event;
RESET entitydb.as_of;
RESET entitydb.as_of_system;

-- A load writes of an entity whose id the delta alone has, in a change set that the token knows.
SELECT entity_put('delta', '{x}', at => '2020-01-01');
SELECT entity_snapshot() AS token \gset
SET entitydb.bulk_threshold = 0;
INSERT INTO entity_event (id, ts, tag) SELECT 'delta', '2020-01-02'::timestamptz, t FROM unnest('{y,z}'::text[]) t;
RESET entitydb.bulk_threshold;
SELECT id, tag FROM entity_changes(:'token') ORDER BY tag;

-- Rolled back, nothing was.
SELECT entity_snapshot() AS token \gset
BEGIN;
SELECT entity_tag('own', 'never');
ROLLBACK;
SELECT count(*) FROM entity_changes(:'token');

-- The marker says something of an event face only, and nothing where it is run as a function.
\set VERBOSITY sqlstate
SELECT count(*) FROM entity e WHERE entitydb.since(e.tableoid, NULL);
SELECT count(*) FROM entity_event e WHERE entitydb.at_snapshot(e.tableoid, NULL, NULL);
SELECT entitydb.since(0, NULL);

-- Tokens from the future and from before a TRUNCATE are errors.
SELECT count(*) FROM entity_changes('1:9000000000000:');
TRUNCATE entity;
SELECT count(*) FROM entity_changes(:'token');
SELECT count(*) FROM entity_changes();
SELECT count(*) FROM entity_changes(entity_snapshot());
BEGIN;
TRUNCATE entity;
SELECT entity_changes(entity_snapshot());
ROLLBACK;
DROP PROCEDURE poll;
