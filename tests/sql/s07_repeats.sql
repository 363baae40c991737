-- S7 of the event face: the n-th occurrence of a fact within a statement is skipped if n were stored before it, the same
-- whether rows are written one by one, entity by entity, or as a load.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TABLE fact (n serial, id text, ts timestamptz, op text, tag text, content bytea);
INSERT INTO fact (id, ts, op, tag, content) VALUES
    ('a', '2020-01-01', 'assert', 'x', NULL), ('b', '2020-01-01', 'assert', 'x', NULL), ('a', '2020-01-01', 'assert', 'x', NULL),
    ('a', '2020-01-02', 'content', NULL, '\x01'), ('a', '2020-01-02', 'content', NULL, NULL), ('a', '2020-01-02', 'content', NULL, '\x01'),
    ('b', '2020-01-03', 'delete', NULL, NULL), ('b', '2020-01-03', 'create', NULL, NULL), ('a', '2020-01-01', 'retract', 'x', NULL);
CREATE VIEW stored AS SELECT id, ts, ts_ns % 1000 AS ns, op, tag, content, seq FROM entity_event ORDER BY id, seq;
-- Entity by entity.
INSERT INTO entity_event (id, ts, op, tag, content) SELECT id, ts, op, tag, content FROM fact ORDER BY n;
SELECT * FROM stored;
INSERT INTO entity_event (id, ts, op, tag, content) SELECT id, ts, op, tag, content FROM fact ORDER BY n;
SELECT count(*) FROM stored;
-- One by one, since somebody looks.
INSERT INTO entity_event (id, ts, op, tag, content) SELECT id, ts, op, tag, content FROM fact ORDER BY n RETURNING id;
-- As a load.
SET entitydb.bulk_threshold = 3;
INSERT INTO entity_event (id, ts, op, tag, content) SELECT id, ts, op, tag, content FROM fact ORDER BY n;
SELECT count(*) FROM stored;
-- Twice all in one statement: the second half is new, each way.
CREATE VIEW twice AS SELECT f.* FROM fact f, generate_series(1, 2) i ORDER BY i, n;
BEGIN;
INSERT INTO entity_event (id, ts, op, tag, content) SELECT id, ts, op, tag, content FROM twice;
SELECT id, op, tag, content, seq FROM stored WHERE seq > 6 ORDER BY id, seq;
ROLLBACK;
SET entitydb.bulk_threshold = 1000;
BEGIN;
INSERT INTO entity_event (id, ts, op, tag, content) SELECT id, ts, op, tag, content FROM twice;
SELECT id, op, tag, content, seq FROM stored WHERE seq > 6 ORDER BY id, seq;
ROLLBACK;
INSERT INTO entity_event (id, ts, op, tag, content) SELECT id, ts, op, tag, content FROM twice RETURNING id, op, tag, content, seq;
-- S9 within one statement: a microsecond stands for the last event in it, also for one that came a row before.
TRUNCATE entity;
CREATE TABLE exact (n serial, id text, ts timestamptz, ts_ns bigint, tag text);
INSERT INTO exact (id, ts, ts_ns, tag) VALUES ('a', '2020-01-01', NULL, 'first'), ('a', NULL, entitydb.ns('2020-01-01 00:00:00.000000007Z'), 'exact'),
    ('a', '2020-01-01', NULL, 'lands'), ('a', NULL, NULL, 'stamped'), ('a', NULL, NULL, 'stamped'), ('b', '2020-01-01', NULL, 'b');
INSERT INTO entity_event (id, ts, ts_ns, tag) SELECT id, ts, ts_ns, tag FROM exact ORDER BY n;
SELECT id, ns, tag, seq FROM stored WHERE tag <> 'stamped';
SELECT count(*), count(DISTINCT ts_ns) FROM entity_event WHERE tag = 'stamped';
TRUNCATE entity;
SET entitydb.bulk_threshold = 3;
INSERT INTO entity_event (id, ts, ts_ns, tag) SELECT id, ts, ts_ns, tag FROM exact ORDER BY n;
SELECT id, ns, tag, seq FROM stored WHERE tag <> 'stamped';
SELECT count(*), count(DISTINCT ts_ns) FROM entity_event WHERE tag = 'stamped';
TRUNCATE entity;
INSERT INTO entity_event (id, ts, ts_ns, tag) SELECT id, ts, ts_ns, tag FROM exact ORDER BY n RETURNING id, ts_ns % 1000 * (ts < '2021-01-01')::int AS ns, tag, seq;
