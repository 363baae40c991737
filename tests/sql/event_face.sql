-- The event face records facts as they are given (S5, S7).
SET timezone = 'UTC';
SET datestyle = 'ISO';
COPY entity_event (id, ts, op, tag, content) FROM stdin;
a	2020-01-01	create	\N	\N
a	2020-01-01	assert	x	\N
a	2020-02-01	retract	x	\N
a	2020-02-01	\N	y	\N
a	2020-03-01	\N	\N	text
b	2020-01-15	delete	\N	\N
\.
SELECT id, ts, op, tag, content, seq FROM entity_event ORDER BY id, seq;
SELECT id, tags, content FROM entity ORDER BY id;
-- S7: a load can be run again.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '2020-01-01', 'assert', 'x');
SELECT count(*) FROM entity_event WHERE id = 'a';
INSERT INTO entity_event (id, ts_ns, tag) VALUES ('n', 1577836800000000001, 'exact');
SELECT ts, ts_ns FROM entity_event WHERE id = 'n';
SELECT count(*) FROM entity_as_of_ns(1577836800000000000) WHERE id = 'n';
SELECT count(*) FROM entity_as_of_ns(1577836800000000001) WHERE id = 'n';
INSERT INTO entity_event (id, ts, ts_ns, tag) VALUES ('n', '2021-01-01', 1577836800000000001, 'wrong');
INSERT INTO entity_event (id, ts, op, tag) VALUES ('n', '2021-01-01', 'nonsense', 'wrong');
UPDATE entity_event SET tag = 'z';
DELETE FROM entity_event;
-- S3: a statement gives all its events for one entity one stamp, row by row and as a load.
INSERT INTO entity_event (id, tag) VALUES ('s', 'one'), ('s', 'two'), ('s', 'one');
SET entitydb.bulk_threshold = 0;
INSERT INTO entity_event (id, tag) SELECT 'l', 'tag' || n FROM generate_series(1, 3) n;
RESET entitydb.bulk_threshold;
SELECT id, count(*), count(DISTINCT ts_ns) AS stamps FROM entity_event WHERE id IN ('s', 'l') GROUP BY id ORDER BY id;
