-- A face as a partition or as a child takes only rows that queries of the parent look for there.
\set VERBOSITY terse
CREATE TABLE ticket (id text COLLATE "C" NOT NULL, tags text[], status text, content bytea) PARTITION BY LIST (status);
CREATE FOREIGN TABLE ticket_open PARTITION OF ticket FOR VALUES IN ('open', NULL) SERVER entitydb OPTIONS (dataset 'open');
CREATE FOREIGN TABLE ticket_done PARTITION OF ticket FOR VALUES IN ('done') SERVER entitydb OPTIONS (dataset 'done');
CREATE TABLE ticket_rest PARTITION OF ticket DEFAULT;
INSERT INTO ticket (id, status) VALUES ('a', 'open'), ('b', 'done'), ('c', NULL), ('d', 'new'), ('e', 'open');
COPY ticket (id, status, tags) FROM stdin;
f	open	{colour:red}
g	done	{}
\.
SELECT tableoid::regclass, id, status, tags FROM ticket ORDER BY id;
-- A row that is changed into one of another partition would be lost to queries of the parent.
UPDATE ticket SET status = 'done' WHERE id = 'a';
UPDATE ticket_open SET tags = '{status:done}' WHERE id = 'a';
UPDATE ticket SET tags = '{status:open,new}' WHERE id = 'a' RETURNING tableoid::regclass, id, tags;
UPDATE ticket SET status = NULL WHERE id = 'a' RETURNING tableoid::regclass, id, status;
INSERT INTO ticket_done (id, status) VALUES ('h', 'open');
INSERT INTO ticket (id, tags) VALUES ('h', '{status:done}');
INSERT INTO ticket_done (id, status) SELECT 'h' || i, 'open' FROM generate_series(1, 3) i;
COPY ticket_done (id, status) FROM stdin;
h	done
i	open
\.
-- Out of a heap it is moved, as PostgreSQL moves rows to foreign partitions.
UPDATE ticket SET status = 'open' WHERE id = 'd';
CREATE FUNCTION finish() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.status := 'done'; RETURN NEW; END $$;
CREATE TRIGGER finish BEFORE INSERT ON ticket_open FOR EACH ROW EXECUTE FUNCTION finish();
INSERT INTO ticket (id, status) VALUES ('j', 'open');
DROP TRIGGER finish ON ticket_open;
SELECT tableoid::regclass, id, status FROM ticket ORDER BY id;
SELECT id FROM ticket WHERE status = 'open' ORDER BY id;
SELECT status, count(*) FROM ticket GROUP BY status ORDER BY status;
EXPLAIN (COSTS off) SELECT id FROM ticket WHERE status = 'done';
DELETE FROM ticket WHERE status = 'open' OR id = 'b' RETURNING tableoid::regclass, id;
TRUNCATE ticket;
SELECT count(*) FROM ticket;
-- A child's columns follow the parent's.
CREATE TABLE thing (id text, status text);
CREATE FOREIGN TABLE thing_child () INHERITS (thing) SERVER entitydb OPTIONS (dataset 'child');
INSERT INTO thing VALUES ('parent', 'x');
INSERT INTO thing_child VALUES ('child', 'y');
UPDATE thing SET status = v.status FROM (VALUES ('child', 'z'), ('parent', 'w')) v (id, status) WHERE thing.id = v.id
RETURNING tableoid::regclass, thing.*;
ALTER TABLE thing ADD COLUMN n int;
INSERT INTO thing_child VALUES ('second', NULL, 5);
SELECT tableoid::regclass, * FROM thing WHERE n = 5 OR status > 'w' ORDER BY id;
DELETE FROM thing WHERE n IS NULL RETURNING tableoid::regclass, id;
