-- Ids and contents of types: what is stored is their text, what is shown and compared are values.
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set VERBOSITY terse
SELECT entity_create('u', 'content text', 'uuid'), entity_create('b', 'content jsonb', 'bigint'), entity_create('i', 'status text', 'int');
INSERT INTO u (id, tags, content) VALUES ('A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '{x}', 'one'), ('00000000-0000-0000-0000-000000000000', '{y}', NULL);
INSERT INTO b (id, tags, content) SELECT n, ARRAY['n:' || n % 2], to_jsonb(n) FROM generate_series(-5, 5) n;
INSERT INTO i (id, status) VALUES (1, 'open'), (-2147483648, 'closed'), (10, NULL);
SELECT id, tags, content FROM u ORDER BY id;
SELECT id, content FROM b WHERE id IN (-5, 5, 7) ORDER BY id;
SELECT id, status FROM i ORDER BY id;
-- Every face and function has them.
SELECT u_put('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{x,z}', 'two'), u_tag('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'w'),
    u_untag('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'x'), u_set('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 's', 'v'),
    u_clear_content('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'), u_delete('00000000-0000-0000-0000-000000000000');
SELECT id, op, tag, content FROM u_history('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
SELECT id, tags, content, version FROM u_version ORDER BY id, version;
SELECT id, tag FROM u_tag WHERE id = '00000000-0000-0000-0000-000000000000';
SELECT op, tag, old_content, new_content FROM u_diff('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2000-01-01', 'infinity');
SELECT * FROM b_diff_set('{n:1}', '2000-01-01', 'infinity') ORDER BY id;
SELECT b_put(7, '{"friend:-5"}'), b_import(8, '{1748563200000000000|x}', '[]');
SELECT * FROM b_related(7, 'friend');
SELECT * FROM b_referrers(-5, 'friend');
SELECT id, op, tag FROM b_event WHERE id = 8 ORDER BY seq;
-- UPDATE, DELETE, ON CONFLICT, FOR UPDATE and RETURNING.
UPDATE b SET tags = tags || '{big}' WHERE id > 3 RETURNING id, tags;
DELETE FROM b WHERE id = 7 RETURNING id;
INSERT INTO b (id) VALUES (8) ON CONFLICT DO NOTHING;
INSERT INTO b (id) VALUES (8);
SELECT id FROM i WHERE id = 10 FOR UPDATE;
UPDATE i SET id = 11 WHERE id = 10;
UPDATE b SET content = '{"k": [1,  2]}' WHERE id = 0 RETURNING content;
UPDATE b SET content = '{"k":[1,2]}' WHERE id = 0;
SELECT op, content FROM b_history(0) ORDER BY seq;
-- What the scan answers.
EXPLAIN (COSTS off) SELECT * FROM u WHERE id = '00000000-0000-0000-0000-000000000000' OR id > 'a0000000-0000-0000-0000-000000000000';
EXPLAIN (COSTS off) SELECT * FROM b WHERE id = ANY ('{1,2}') AND id > 1;
EXPLAIN (COSTS off) SELECT * FROM i WHERE id <> 1 AND id = 5::bigint;
SELECT id FROM u WHERE id >= '00000000-0000-0000-0000-000000000000' AND id < 'b0000000-0000-0000-0000-000000000000';
SELECT id FROM u WHERE id = ANY ('{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}');
SELECT id FROM b WHERE id = ANY ('{1,2,NULL}') ORDER BY id;
SELECT id FROM b WHERE id <> ALL ('{1,2}'::int[]) AND id > 0 ORDER BY id;
SELECT id FROM i WHERE id <> 1 ORDER BY id;
SELECT count(*) FROM b WHERE id NOT IN (1, NULL);
SELECT b.id FROM (VALUES (1), (2), (99)) v (n) JOIN b ON b.id = v.n ORDER BY 1;
PREPARE one(bigint) AS SELECT id, content FROM b WHERE id = $1;
EXECUTE one(3);
EXECUTE one(NULL);
-- Sealed, too.
SELECT count(*) > 0 AS sealed FROM entitydb.seal_all();
EXECUTE one(3);
SELECT id FROM b WHERE id < 0 ORDER BY id;
SELECT id FROM u WHERE id >= '00000000-0000-0000-0000-000000000000';
COPY (SELECT id, content FROM b WHERE id > 3 ORDER BY id) TO STDOUT;
-- What another face wrote and the type does not have is an error that names the id, where it is looked at.
CREATE FOREIGN TABLE raw (id text, tags text[], content bytea) SERVER entitydb OPTIONS (dataset 'b');
CREATE FOREIGN TABLE raw_u (id text, content bytea) SERVER entitydb OPTIONS (dataset 'u');
INSERT INTO raw VALUES ('007', '{}', NULL), ('x', '{}', NULL), ('9', '{}', '\xff'), ('10', '{}', '{"a'), ('9223372036854775808', '{}', NULL);
INSERT INTO raw_u VALUES ('B0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', NULL), ('c0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x610062'), ('d0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x61ff');
SELECT count(*) FROM b;
SELECT id FROM b WHERE id = 5;
SELECT id FROM b ORDER BY 1;
SELECT content FROM b WHERE id = 9;
SELECT content FROM b WHERE id = 10;
SELECT id FROM u;
SELECT content FROM u WHERE id = 'c0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
SELECT content FROM u WHERE id = 'd0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
SELECT content IS NULL FROM raw_u WHERE id = 'd0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11';
-- Functions for a face made by hand.
CREATE FOREIGN TABLE mine (id uuid, tags text[], content text, status text) SERVER entitydb OPTIONS (dataset 'mine');
SELECT entitydb.make_functions('mine');
SELECT mine_put('00000000-0000-0000-0000-000000000001', '{status:open}', 'x');
SELECT id, status, content FROM mine_as_of('infinity');
SELECT entity_drop('mine');
SELECT count(*) FROM pg_proc WHERE proname ~ '^mine_';
