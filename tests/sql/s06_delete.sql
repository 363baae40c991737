-- S6: a delete ends everything at its instant; the past answers as before; a statement takes back what is scheduled.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity (id, tags, content, created_at) VALUES ('a', '{x,y}', 'text', '2001-01-01');
SELECT entity_tag('a', 'scheduled', at => '2200-01-01');
DELETE FROM entity WHERE id = 'a';
SELECT count(*) FROM entity;
SELECT count(*) FROM entity_as_of('2200-01-01');
SELECT tags, content FROM entity_as_of('2001-06-01');
SELECT op, tag, ts > '2100-01-01' AS future FROM entity_event WHERE op IN ('delete', 'cancel') ORDER BY seq;

-- Created again, neither tags nor content come back.
INSERT INTO entity (id, tags) VALUES ('a', '{new}');
SELECT tags, content FROM entity;

-- The cancel leaves what was recorded after it alone.
SELECT entity_tag('a', 'again', at => '2200-01-01');
SELECT tags FROM entity_as_of('2200-01-01');

-- At an instant: before it the entity is as it was.
INSERT INTO entity (id, tags, created_at) VALUES ('b', '{t}', '2001-01-01');
SELECT entity_delete('b', at => '2005-01-01');
SELECT d::date, count(e.id) FROM (VALUES ('2004-12-31'::timestamptz), ('2005-01-01')) v (d)
LEFT JOIN LATERAL (SELECT id FROM entity_as_of(d) e WHERE e.id = 'b') e ON true GROUP BY d ORDER BY d;

-- What exists only later: the delete takes it back and says true; then there is nothing, and it says false.
INSERT INTO entity (id, tags, created_at) VALUES ('later', '{t}', '2200-01-01');
SELECT entity_delete('later'), entity_delete('later');
SELECT count(*) FROM entity_as_of('2201-01-01') WHERE id = 'later';
SELECT op FROM entity_event WHERE id = 'later' ORDER BY seq;
