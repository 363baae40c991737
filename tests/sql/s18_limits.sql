-- S18: limits are errors with the number in them, on every write path.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
CREATE FUNCTION many(prefix text, count int) RETURNS text[] LANGUAGE sql IMMUTABLE AS
    $$ SELECT array_agg(prefix || i) FROM generate_series(1, count) i $$;
-- Ids and tags of 1 to 1024 bytes.
INSERT INTO entity (id, tags) VALUES (repeat('é', 512), ARRAY[repeat('ü', 512)]);
SELECT octet_length(id), octet_length(tags[1]) FROM entity;
INSERT INTO entity (id) VALUES (repeat('é', 512) || 'x');
INSERT INTO entity (id, tags) VALUES ('x', ARRAY[repeat('x', 1025)]);
INSERT INTO entity_event (id, tag) VALUES ('x', repeat('x', 1025));
SELECT entity_tag('x', repeat('x', 1025));
SELECT entity_untag('x', repeat('x', 1025));
SELECT entity_set('x', repeat('n', 1000), repeat('v', 24));
UPDATE entity SET tags = ARRAY[''];
SELECT * FROM entity_as_of('infinity') WHERE id = repeat('x', 1025);
SET entitydb.bulk_threshold = 0;
INSERT INTO entity (id) SELECT repeat('x', 1024 + i) FROM generate_series(1, 2) i;
INSERT INTO entity (id, tags) SELECT 'x' || i, ARRAY[repeat('x', 1025)] FROM generate_series(1, 2) i;
RESET entitydb.bulk_threshold;
DELETE FROM entity;
-- 65,535 tags on an entity at an instant.
SELECT entity_put('full', many('t', 65535), at => '2020-01-01');
SELECT cardinality(tags) FROM entity WHERE id = 'full';
SELECT entity_tag('full', 'more');
SELECT entity_tag('full', 'more', at => '2019-01-01');
SELECT entity_tag('full', 'more', at => '2020-01-01');
SELECT entity_put('full', many('t', 65536));
UPDATE entity SET tags = tags || '{more}' WHERE id = 'full';
UPDATE entity SET tags = tags || '{t1}' WHERE id = 'full';
INSERT INTO entity_event (id, tag) VALUES ('full', 'more');
INSERT INTO entity_event (id, ts, tag) VALUES ('full', '2020-01-01', 'more');
INSERT INTO entity (id, tags) VALUES ('over', many('t', 65536));
INSERT INTO entity_event (id, tag) SELECT 'full', 'more' || i FROM generate_series(1, 10) i;
SET entitydb.bulk_threshold = 5;
INSERT INTO entity_event (id, tag) SELECT 'full', 'more' || i FROM generate_series(1, 10) i;
INSERT INTO entity_event (id, tag) SELECT 'over', 'more' || i FROM generate_series(1, 65536) i;
INSERT INTO entity (id, tags) SELECT 'over' || i, many('t', 65536) FROM generate_series(1, 10) i;
-- One goes, another comes, also in one instant; the same tag again is no other tag; what is past does not count.
SELECT entity_untag('full', 't1'), entity_tag('full', 'more');
INSERT INTO entity_event (id, ts, op, tag) VALUES ('full', '2050-01-01', 'retract', 't2');
INSERT INTO entity_event (id, ts, op, tag) VALUES ('full', '2050-01-01', 'assert', 'still more');
INSERT INTO entity_event (id, ts, tag) SELECT 'again', '2020-01-01'::timestamptz + i * interval '1 second', 't' || i % 9 FROM generate_series(1, 65540) i;
SELECT cardinality(tags) FROM entity WHERE id = 'again';
SELECT id, cardinality(tags) FROM entity_as_of('infinity') ORDER BY id;
SELECT entitydb.seal('entity') > 0, entitydb.compact('entity') > 0;
SELECT bool_and(ok) FROM entitydb.verify('entity');
SELECT id, cardinality(tags) FROM entity_as_of('infinity') ORDER BY id;
-- 44 bytes of a dataset's name.
SELECT entity_create(repeat('é', 22));
SELECT entity_drop(repeat('é', 22));
SELECT entity_create(repeat('é', 22) || 'x');
