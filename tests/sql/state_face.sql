-- INSERT, UPDATE, DELETE, COPY and TRUNCATE on a state face (S7, S13, S19, S20).
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity (id, tags, content, created_at) VALUES ('a', '{y,x,x}', 'hello', '2020-01-01'), ('b', NULL, NULL, '2020-01-01')
RETURNING id, tags, created_at, updated_at;
-- S13
INSERT INTO entity (id, created_at) VALUES ('a', '2019-01-01');
INSERT INTO entity (id, created_at) VALUES ('a', '2020-01-01'), ('c', '2020-01-01') ON CONFLICT DO NOTHING;
SELECT id, tags FROM entity ORDER BY id;
-- S7: an UPDATE that changes nothing counts, and records nothing.
UPDATE entity SET tags = '{x,y}' WHERE id = 'a' RETURNING id, updated_at;
SELECT count(*) FROM entity_history('a');
-- S20
UPDATE entity SET tags = tags || '{z}', updated_at = '2020-02-01' WHERE id = 'a' RETURNING tags, updated_at;
UPDATE entity SET tags = '{w}', updated_at = '2020-01-15' WHERE id = 'a';
UPDATE entity SET created_at = '2000-01-01' WHERE id = 'a';
UPDATE entity SET id = 'aa' WHERE id = 'a';
DELETE FROM entity WHERE id = 'c' RETURNING id;
SELECT count(*) FROM entity WHERE id = 'c';
SELECT count(*) FROM entity_as_of('2020-01-02') WHERE id = 'c';
COPY entity (id, tags, created_at) FROM stdin;
d	{k:1}	2020-01-01
e	{k:2}	2020-01-01
\.
SELECT id, tags FROM entity ORDER BY id;
-- S19
BEGIN;
TRUNCATE entity;
SELECT count(*) FROM entity;
ROLLBACK;
SELECT count(*) FROM entity;
TRUNCATE entity;
SELECT count(*) FROM entity;
SELECT count(*) FROM entity_event;
