-- S17: history and timeline are oldest first by (ts, seq); facets by count, then value; tags by bytes, without repeats.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '2003-01-01', 'assert', 'c'), ('a', '2001-01-01', 'assert', 'b'),
    ('a', '2001-01-01', 'retract', 'b'), ('a', '2001-01-01', 'assert', 'b'), ('b', '2002-01-01', 'assert', 'Z');
SELECT ts::date, seq, op, tag FROM entity_history('a');
SELECT id, ts::date, seq FROM entity_timeline('-infinity');
-- The event face without an order: each entity's events in seq order.
SELECT array_agg(seq) FROM (SELECT seq FROM entity_event WHERE id = 'a') s;
INSERT INTO entity (id, tags, created_at) VALUES ('t', '{b,a,B,á,"a b",a,zz,Z}', '2001-01-01');
SELECT tags FROM entity WHERE id = 't';
INSERT INTO entity (id, tags, created_at)
SELECT 'f' || i, ARRAY['k:' || (ARRAY['b', 'a', 'b', 'c', 'a', 'B'])[i]], '2001-01-01' FROM generate_series(1, 6) i;
SELECT * FROM entity_facets('k');
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT ts::date, seq, op, tag FROM entity_history('a');
SELECT array_agg(seq) FROM (SELECT seq FROM entity_event WHERE id = 'a') s;
SELECT tags FROM entity WHERE id = 't';
SELECT * FROM entity_facets('k');
