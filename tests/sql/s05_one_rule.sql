-- S5: the one rule. Events in the order of (ts, seq), whatever order they were recorded in; what a cancel takes back is left out.
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- Of events of one instant the one recorded last holds.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('tie', '2001-01-01', 'assert', 'a'), ('tie', '2001-01-01', 'retract', 'a'),
    ('tie', '2001-01-01', 'retract', 'b'), ('tie', '2001-01-01', 'assert', 'b');
SELECT tags FROM entity WHERE id = 'tie';
-- Recorded again later, the retract holds.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('tie', '2001-01-01', 'create', NULL);
INSERT INTO entity_event (id, ts, op, tag) VALUES ('tie', '2001-01-01', 'retract', 'b'), ('tie', '2001-01-01', 'retract', 'b');
SELECT tags FROM entity WHERE id = 'tie';

-- A tag: the latest among its own events and the deletes. Other tags do not count.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('tag', '2003-01-01', 'retract', 'x'), ('tag', '2001-01-01', 'assert', 'x'),
    ('tag', '2002-01-01', 'assert', 'x'), ('tag', '2004-01-01', 'assert', 'y');
SELECT d::date, e.tags FROM (VALUES ('2000-12-31'::timestamptz), ('2001-01-01'), ('2002-12-31'), ('2003-01-01'), ('2004-01-01')) v (d)
LEFT JOIN LATERAL (SELECT * FROM entity_as_of(d) e WHERE e.id = 'tag') e ON true ORDER BY d;

-- A retract alone makes nobody exist; create, assert and content do.
INSERT INTO entity_event (id, ts, op, tag, content) VALUES ('by_retract', '2001-01-01', 'retract', 'x', NULL),
    ('by_create', '2001-01-01', 'create', NULL, NULL), ('by_assert', '2001-01-01', 'assert', 'x', NULL),
    ('by_content', '2001-01-01', 'content', NULL, 'c'), ('by_no_content', '2001-01-01', 'content', NULL, NULL);
SELECT id, tags, content, created_at, updated_at FROM entity WHERE id LIKE 'by%' ORDER BY id;

-- Content: the latest content event since the latest delete.
INSERT INTO entity_event (id, ts, op, content) VALUES ('held', '2001-01-01', 'content', 'one'), ('held', '2003-01-01', 'content', 'three'),
    ('held', '2002-01-01', 'content', 'two'), ('held', '2004-01-01', 'delete', NULL), ('held', '2005-01-01', 'create', NULL);
SELECT d::date, convert_from(e.content, 'UTF8') AS content, e.created_at
FROM (VALUES ('2001-06-01'::timestamptz), ('2002-06-01'), ('2003-06-01'), ('2004-06-01'), ('2005-06-01')) v (d)
LEFT JOIN LATERAL (SELECT * FROM entity_as_of(d) e WHERE e.id = 'held') e ON true ORDER BY d;

-- created_at is the first event since the latest delete; updated_at that of the latest event that changed the state.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('times', '2001-01-01', 'assert', 'a'), ('times', '2002-01-01', 'assert', 'b'),
    ('times', '2003-01-01', 'assert', 'b'), ('times', '2004-01-01', 'retract', 'c'), ('times', '2000-01-01', 'create', NULL);
SELECT created_at, updated_at FROM entity WHERE id = 'times';
SELECT created_at, updated_at FROM entity_as_of('2001-06-01') WHERE id = 'times';

-- A cancel leaves out the events of its instant that were recorded before it, and itself; not what is recorded there later.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('undone', '2001-01-01', 'assert', 'a'), ('undone', '2002-01-01', 'assert', 'b');
INSERT INTO entity_event (id, ts, op) VALUES ('undone', '2002-01-01', 'cancel');
SELECT tags, updated_at FROM entity WHERE id = 'undone';
INSERT INTO entity_event (id, ts, op, tag) VALUES ('undone', '2002-01-01', 'assert', 'c');
SELECT tags, updated_at FROM entity WHERE id = 'undone';
-- (The second cancel of the statement repeats what is stored, and is skipped: S7.)
INSERT INTO entity_event (id, ts, op) VALUES ('undone', '2001-01-01', 'cancel'), ('undone', '2002-01-01', 'cancel');
SELECT tags, created_at FROM entity WHERE id = 'undone';
SELECT op, tag, seq FROM entity_event WHERE id = 'undone' ORDER BY seq;

-- Nothing depends on the order in which different instants were loaded: every order of five events gives one answer.
CREATE TEMP TABLE fact (n int, ts timestamptz, op text, tag text);
INSERT INTO fact VALUES (1, '2001-01-01', 'assert', 'a'), (2, '2002-01-01', 'delete', NULL), (3, '2003-01-01', 'assert', 'b'),
    (4, '2004-01-01', 'retract', 'b'), (5, '2005-01-01', 'assert', 'c');
WITH RECURSIVE loads (taken) AS (
    SELECT ARRAY[n] FROM fact
    UNION ALL
    SELECT l.taken || f.n FROM loads l JOIN fact f ON f.n <> ALL (l.taken)
)
INSERT INTO entity_event (id, ts, op, tag)
SELECT 'order' || array_to_string(l.taken, ''), f.ts, f.op, f.tag
FROM loads l, LATERAL unnest(l.taken) WITH ORDINALITY u (n, place) JOIN fact f USING (n)
WHERE cardinality(l.taken) = 5 ORDER BY l.taken, u.place;
SELECT d::date, count(e.id), min(e.tags), max(e.tags), min(e.created_at) = max(e.created_at) AS one_birth
FROM (VALUES ('2001-06-01'::timestamptz), ('2002-06-01'), ('2003-06-01'), ('2004-06-01'), ('2005-06-01')) v (d)
LEFT JOIN LATERAL (SELECT * FROM entity_as_of(d) e WHERE e.id LIKE 'order%') e ON true GROUP BY d ORDER BY d;
