-- INSERT .. SELECT whose rows somebody looks at: they are written one by one, and shown as stored. The executor tells a
-- foreign table of RETURNING and of checks only after it has begun; such a statement once waited to become a load, and the
-- row that it then showed crashed the server.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity (id, tags, created_at) SELECT 's' || i, ARRAY['k:' || i % 2, 'all', 'all'], '2020-01-01' FROM generate_series(1, 3) i
RETURNING id, tags, content, created_at, updated_at;
INSERT INTO entity (id, tags, created_at) SELECT id || 'x', tags, created_at FROM entity WHERE tags @> '{k:1}' RETURNING id, tags;
INSERT INTO entity_event (id, ts, tag) SELECT id, created_at, 'more' FROM entity RETURNING id, op, tag, seq;
WITH new AS (INSERT INTO entity (id) SELECT 'w' || i FROM generate_series(1, 3) i RETURNING id) SELECT count(*), max(id) FROM new;
SET entitydb.bulk_threshold = 2;
INSERT INTO entity (id, tags) SELECT 'b' || i, ARRAY['z', 'y', 'z'] FROM generate_series(1, 4) i RETURNING id, tags;
\set VERBOSITY terse
CREATE VIEW checked AS SELECT id, tags FROM entity WHERE tags @> '{x}' WITH CHECK OPTION;
INSERT INTO checked SELECT 'c' || i, CASE WHEN i < 4 THEN '{x}' ELSE '{y}' END::text[] FROM generate_series(1, 4) i;
INSERT INTO checked SELECT 'c' || i, '{x}' FROM generate_series(1, 4) i;
SELECT id FROM checked ORDER BY id;
CREATE TABLE seen (id text, tags text[]);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO seen VALUES (new.id, new.tags); RETURN new; END';
CREATE TRIGGER see AFTER INSERT ON entity FOR EACH ROW EXECUTE FUNCTION see();
INSERT INTO entity (id, tags) SELECT 't' || i, '{q,p,q}' FROM generate_series(1, 4) i;
SELECT * FROM seen ORDER BY id;
DROP TRIGGER see ON entity;
-- As a child of an ordinary table, and as a partition.
CREATE TABLE parent (gone int, id text COLLATE "C", tags text[] COLLATE "C", content bytea);
ALTER TABLE parent DROP COLUMN gone;
CREATE FOREIGN TABLE child (content bytea, tags text[] COLLATE "C", id text COLLATE "C") INHERITS (parent) SERVER entitydb OPTIONS (dataset 'child');
INSERT INTO parent VALUES ('plain', '{x}', NULL);
INSERT INTO child (id, tags) VALUES ('one', '{x}'), ('two', '{y}');
UPDATE parent SET tags = tags || '{new}' RETURNING tableoid::regclass, id, tags;
UPDATE parent p SET content = '\x01' FROM child c WHERE c.id = p.id AND c.tags @> '{x}' RETURNING p.tableoid::regclass, p.id, p.content;
DELETE FROM parent WHERE id IN ('plain', 'two') RETURNING tableoid::regclass, id;
SELECT tableoid::regclass, id, tags, content FROM parent FOR UPDATE;
CREATE TABLE whole (id text, tags text[]) PARTITION BY LIST (id);
CREATE TABLE whole_heap PARTITION OF whole FOR VALUES IN ('a', 'b');
CREATE FOREIGN TABLE whole_face PARTITION OF whole DEFAULT SERVER entitydb OPTIONS (dataset 'whole');
INSERT INTO whole SELECT v.id, ARRAY[v.id] FROM (VALUES ('a'), ('y'), ('b'), ('z'), ('x')) v (id) RETURNING tableoid::regclass, id, tags;
INSERT INTO whole SELECT CASE WHEN i % 3 = 0 THEN 'a' ELSE 'n' || i END, '{}' FROM generate_series(1, 9) i;
UPDATE whole SET id = 'moved' WHERE id = 'b' RETURNING tableoid::regclass, id, tags;
UPDATE whole SET id = 'b' WHERE id = 'moved';
UPDATE whole SET tags = '{u}' WHERE id IN ('a', 'z') RETURNING tableoid::regclass, id, tags;
SELECT tableoid::regclass, count(*) FROM whole GROUP BY 1 ORDER BY 1;
SELECT xmin, xmax, cmin, cmax FROM whole_face LIMIT 1;
