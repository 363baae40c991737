-- S20: an UPDATE looks only at columns that differ; updated_at is the valid time of the change.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity (id, tags, content, created_at) VALUES ('a', '{x,y}', 'c', '2001-01-01');
-- A client that sends every column back does no harm.
UPDATE entity e SET id = o.id, tags = o.tags, content = o.content, created_at = o.created_at, updated_at = o.updated_at
FROM (SELECT * FROM entity) o WHERE o.id = e.id RETURNING e.*;
SELECT count(*) FROM entity_event;
-- updated_at given: the change is true from then on.
UPDATE entity SET tags = '{x,z}', updated_at = '2005-01-01' WHERE id = 'a' RETURNING tags, updated_at;
SELECT op, tag, ts FROM entity_history('a', since => '2004-01-01');
SELECT tags FROM entity_as_of('2004-12-31');
-- Not before the row's present one.
UPDATE entity SET tags = '{w}', updated_at = '2003-01-01' WHERE id = 'a';
-- A future one schedules the change.
UPDATE entity SET tags = '{future}', updated_at = '2200-01-01' WHERE id = 'a';
SELECT tags FROM entity;
SELECT tags FROM entity_as_of('2200-01-01');
-- created_at and id stay.
UPDATE entity SET created_at = '2000-01-01' WHERE id = 'a';
UPDATE entity SET id = 'b' WHERE id = 'a';
-- On INSERT updated_at is ignored; NULL tags are none; NULL created_at is a stamp.
INSERT INTO entity (id, tags, created_at, updated_at) VALUES ('n', NULL, NULL, '1999-01-01') RETURNING tags, updated_at > '2020-01-01' AS stamped;
UPDATE entity SET tags = NULL WHERE id = 'a' RETURNING tags;
UPDATE entity SET content = NULL WHERE id = 'a' RETURNING content IS NULL AS none;
