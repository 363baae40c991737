-- The tags of a row are those of its tags and of its tag columns; an UPDATE looks only at columns that differ.
\set VERBOSITY sqlstate
\set SHOW_CONTEXT never
CREATE FOREIGN TABLE issue (
    id text, tags text[], status text, priority int, labels text[] OPTIONS (namespace 'label'), content bytea,
    created_at timestamptz, updated_at timestamptz
) SERVER entitydb OPTIONS (dataset 'issue');
CREATE FOREIGN TABLE issue_log (id text, op text, tag text, seq bigint) SERVER entitydb_log OPTIONS (dataset 'issue');
INSERT INTO issue (id, tags, status, priority, labels) VALUES ('a', '{x}', 'open', 3, '{q,p,q}') RETURNING tags, status, priority, labels;
INSERT INTO issue (id, status) VALUES ('b', 'new'), ('c', NULL);
INSERT INTO issue (id, tags) VALUES ('d', '{status:open,priority:05}');
-- What tags and a tag column say of one namespace must agree; NULL says nothing.
INSERT INTO issue (id, tags, status) VALUES ('e', '{status:open}', 'closed');
INSERT INTO issue (id, tags, status) VALUES ('e', '{status:open,status:closed}', 'closed');
INSERT INTO issue (id, tags, labels) VALUES ('e', '{label:a}', '{}');
INSERT INTO issue (id, tags, labels) VALUES ('e', '{label:a}', '{a,b}');
INSERT INTO issue (id, tags, priority, labels) VALUES ('e', '{priority:05,label:a,label:b}', 5, '{b,a}') RETURNING tags;
INSERT INTO issue (id, labels) VALUES ('f', '{a,NULL}');
INSERT INTO issue (id, status) VALUES ('f', repeat('x', 1020));
INSERT INTO issue (id, status, labels) VALUES ('f', '', '{""}') RETURNING tags, status, labels;
-- A row that was read may be written again.
INSERT INTO issue (id, tags, status, priority, labels) SELECT id || '2', tags, status, priority, labels FROM issue;
SELECT id, tags FROM issue ORDER BY id;
-- UPDATE: what does not differ does no harm.
UPDATE issue SET status = status, tags = tags, labels = labels, priority = priority, content = 'c' WHERE id = 'd';
SELECT op, tag FROM issue_log WHERE id = 'd' ORDER BY seq;
-- A new value takes the place of all tags of the namespace, nested ones too; NULL retracts them.
UPDATE issue SET status = 'closed' WHERE id = 'a' RETURNING tags;
UPDATE issue SET status = NULL, priority = NULL WHERE id = 'a' RETURNING tags;
UPDATE issue SET priority = 6 WHERE id = 'd' RETURNING tags;
UPDATE issue SET labels = labels || '{r}' WHERE id = 'a' RETURNING tags, labels;
UPDATE issue SET labels = array_remove(labels, 'q') WHERE id = 'a' RETURNING tags;
UPDATE issue SET labels = NULL WHERE id = 'a' RETURNING labels;
SELECT op, tag FROM issue_log WHERE id = 'a' ORDER BY seq;
-- tags and a column may change together, unless they disagree.
UPDATE issue SET tags = tags || '{y}', status = 'open' WHERE id = 'a' RETURNING tags;
UPDATE issue SET tags = array_remove(tags, 'status:open') WHERE id = 'a' RETURNING tags, status;
UPDATE issue SET tags = tags || '{status:one}', status = 'one' WHERE id = 'a' RETURNING tags;
UPDATE issue SET tags = '{status:two}', status = 'three' WHERE id = 'a';
UPDATE issue SET tags = '{status:two}', status = NULL WHERE id = 'a';
-- A scheduled value comes when its time has come.
UPDATE issue SET status = 'done', updated_at = '2200-01-01' WHERE id = 'a' RETURNING status;
SELECT status FROM issue WHERE id = 'a';
SELECT i.status FROM issue i WHERE entitydb.at(i.tableoid, '2200-01-01', NULL) AND i.id = 'a';
-- on_conflict 'put' keeps what is NULL or absent.
CREATE FOREIGN TABLE issue_put (id text, tags text[], status text, labels text[] OPTIONS (namespace 'label'), content bytea)
SERVER entitydb OPTIONS (dataset 'issue', on_conflict 'put');
INSERT INTO issue_put (id, status) VALUES ('b', 'old') RETURNING tags;
INSERT INTO issue_put (id, labels) VALUES ('b', '{k}') RETURNING tags;
INSERT INTO issue_put (id, tags) VALUES ('b', '{z}') RETURNING tags;
INSERT INTO issue_put (id, tags, labels) VALUES ('b', '{}', '{}') RETURNING tags;
INSERT INTO issue_put (id, status) VALUES ('n', 'new') RETURNING tags;
INSERT INTO issue_put (id, tags, status) VALUES ('b', '{status:a}', 'b');
INSERT INTO issue_put (id, status) VALUES ('b', 'old');
SELECT op, tag FROM issue_log WHERE id = 'b' ORDER BY seq;
-- ON CONFLICT DO NOTHING, COPY, DELETE and RETURNING.
INSERT INTO issue (id, status) VALUES ('b', 'again') ON CONFLICT DO NOTHING RETURNING id;
COPY issue (id, status, priority, labels) FROM STDIN;
k	open	1	{a,b}
l	\N	\N	\N
\.
SELECT id, tags FROM issue WHERE id IN ('k', 'l') ORDER BY id;
DELETE FROM issue WHERE id = 'k' RETURNING status, priority, labels;
-- A load unites tags and columns, too, and says where they disagree.
SET entitydb.bulk_threshold = 2;
INSERT INTO issue (id, tags, status, priority) SELECT 'bulk' || n, '{x}', 'open', n FROM generate_series(1, 5) n;
SELECT id, tags FROM issue WHERE id LIKE 'bulk%' ORDER BY id;
INSERT INTO issue (id, tags, status) SELECT 'more' || n, '{status:open}', 'closed' FROM generate_series(1, 5) n;
RESET entitydb.bulk_threshold;
SELECT count(*) FROM issue WHERE id LIKE 'more%';
-- Columns of overlapping namespaces must not contradict each other.
CREATE FOREIGN TABLE nested (id text, tags text[], rbac text, "rbac:role" text) SERVER entitydb OPTIONS (dataset 'nested');
INSERT INTO nested VALUES ('a', NULL, 'role:x', 'x') RETURNING tags;
INSERT INTO nested VALUES ('b', NULL, 'role:x', 'y');
UPDATE nested SET "rbac:role" = 'y' WHERE id = 'a' RETURNING *;
UPDATE nested SET "rbac:role" = 'z', rbac = 'other' WHERE id = 'a' RETURNING *;
-- SELECT FOR UPDATE gives the columns of the locked row.
BEGIN;
SELECT status, labels FROM issue WHERE id = 'd' FOR UPDATE;
COMMIT;
