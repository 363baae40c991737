-- S1: what is stored are events; intervals are derived, half-open, and an open end is NULL.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '2001-01-01', 'assert', 'x'), ('a', '2002-01-01', 'retract', 'x'),
    ('a', '2002-01-01', 'assert', 'y'), ('a', '2003-01-01', 'delete', NULL), ('a', '2005-01-01', 'assert', 'x');

-- Each interval begins at its event and ends right before the next: to the nanosecond.
SELECT entitydb.ns_text(n) AS at, e.tags
FROM (VALUES (entitydb.ns('2001-01-01 00:00+00'::timestamptz) - 1), (entitydb.ns('2001-01-01 00:00+00'::timestamptz)),
    (entitydb.ns('2002-01-01 00:00+00'::timestamptz) - 1), (entitydb.ns('2002-01-01 00:00+00'::timestamptz)),
    (entitydb.ns('2003-01-01 00:00+00'::timestamptz) - 1), (entitydb.ns('2003-01-01 00:00+00'::timestamptz)),
    (entitydb.ns('2005-01-01 00:00+00'::timestamptz) - 1), (entitydb.ns('2005-01-01 00:00+00'::timestamptz))) v (n)
LEFT JOIN LATERAL entity_as_of_ns(n) e ON true ORDER BY n;

SELECT tag, valid_from, valid_to FROM entity_tag WHERE id = 'a' ORDER BY valid_from;
SELECT tags, valid_from, valid_to, version FROM entity_version WHERE id = 'a' ORDER BY valid_from;

-- Of neighbours, one ends where the next begins; no instant is in two, and none of the entity's life is in no interval.
SELECT bool_and(next IS NULL OR valid_to <= next) AS apart, count(*) FILTER (WHERE valid_to = next) AS touching, count(*) FILTER (WHERE valid_to IS NULL) AS open_ends
FROM (SELECT valid_to, lead(valid_from) OVER (ORDER BY valid_from) AS next FROM entity_version WHERE id = 'a') v;

-- A later fact splits an interval without changing what was stored.
SELECT max(seq) AS events FROM entity_event WHERE id = 'a';
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '2001-07-01', 'retract', 'x'), ('a', '2001-08-01', 'assert', 'x');
SELECT tag, valid_from, valid_to FROM entity_tag WHERE id = 'a' AND tag = 'x' ORDER BY valid_from;
SELECT seq, op, tag, ts FROM entity_event WHERE id = 'a' ORDER BY seq;

-- A state that ends where it begins has no row.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('b', '2001-01-01', 'assert', 'x'), ('b', '2001-01-01', 'retract', 'x'), ('b', '2001-01-01', 'assert', 'z');
SELECT tag, valid_from, valid_to FROM entity_tag WHERE id = 'b';
SELECT tags, valid_from, valid_to, version FROM entity_version WHERE id = 'b';
