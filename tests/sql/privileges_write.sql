-- A role writes what it was granted, and what it may not read a write does not tell it.
\set SHOW_CONTEXT never
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on
CREATE FUNCTION tried(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    rows bigint;
BEGIN
    BEGIN
        EXECUTE statement;
        GET DIAGNOSTICS rows = ROW_COUNT;
        RAISE EXCEPTION USING ERRCODE = 'TEST1';
    EXCEPTION WHEN SQLSTATE 'TEST1' THEN
        RETURN format('may (%s): %s', rows, statement);
    WHEN OTHERS THEN
        RETURN format('%s %s: %s', SQLSTATE, SQLERRM, statement);
    END;
END
$$;
CREATE ROLE regress_w_owner;
CREATE ROLE regress_w_reader;
CREATE ROLE regress_w_inserter;
CREATE ROLE regress_w_updater;
CREATE ROLE regress_w_tagger;
CREATE ROLE regress_w_deleter;
CREATE ROLE regress_w_truncater;
CREATE ROLE regress_w_putter;
CREATE ROLE regress_w_viewer;
GRANT CREATE, USAGE ON SCHEMA public TO regress_w_owner;
SET ROLE regress_w_owner;
SELECT entity_create('safe');
SELECT safe_put('a', '{kind:doc}', 'one', at => '2020-01-01');
CREATE FOREIGN TABLE puts (id text, tags text[], content bytea, created_at timestamptz)
    SERVER entitydb OPTIONS (dataset 'safe', on_conflict 'put');
CREATE FOREIGN TABLE skips (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'safe', on_conflict 'nothing');
CREATE FOREIGN TABLE narrow (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'safe');
CREATE FOREIGN TABLE narrower (id text, content bytea) SERVER entitydb OPTIONS (dataset 'safe');
SELECT entitydb.make_functions('narrow');
CREATE VIEW docs WITH (security_barrier) AS SELECT id, tags, content FROM safe WHERE tags @> '{kind:doc}' WITH CHECK OPTION;
CREATE VIEW put_view AS SELECT id, tags FROM puts;
GRANT SELECT ON safe, puts, skips, narrow, narrower TO regress_w_reader;
GRANT INSERT ON safe, safe_event, puts, skips, narrow TO regress_w_inserter;
GRANT UPDATE ON safe, puts, narrow TO regress_w_updater;
GRANT SELECT (id, tags), UPDATE (tags) ON safe, puts TO regress_w_tagger;
GRANT INSERT (id, tags) ON puts TO regress_w_tagger;
GRANT SELECT (id), DELETE ON safe TO regress_w_deleter;
GRANT TRUNCATE ON safe TO regress_w_truncater;
GRANT SELECT, INSERT, UPDATE ON safe, puts, narrow, narrower TO regress_w_putter;
GRANT SELECT, INSERT, UPDATE ON docs TO regress_w_viewer;
GRANT INSERT ON put_view TO regress_w_viewer;
RESET ROLE;

CREATE TABLE ways (n int GENERATED ALWAYS AS IDENTITY, statement text);
GRANT SELECT ON ways TO PUBLIC;
INSERT INTO ways (statement) VALUES
    ('INSERT INTO safe (id, tags) VALUES (''b'', ''{x}'')'),
    ('INSERT INTO safe (id) VALUES (''b'') RETURNING id'),
    ('INSERT INTO safe (id) VALUES (''a'')'),
    ('INSERT INTO safe (id) VALUES (''a'') ON CONFLICT DO NOTHING'),
    ('INSERT INTO safe_event (id, tag) VALUES (''a'', ''x'')'),
    ('INSERT INTO safe_event (id, tag) VALUES (''a'', ''x'') RETURNING seq'),
    ('INSERT INTO skips (id) VALUES (''a'')'),
    ('INSERT INTO puts (id, tags) VALUES (''a'', ''{taken}'')'),
    ('INSERT INTO puts (id, tags, content) VALUES (''a'', ''{taken}'', ''x'')'),
    ('INSERT INTO put_view VALUES (''a'', ''{taken}'')'),
    ('EXPLAIN INSERT INTO safe (id) VALUES (''b'')'),
    ('UPDATE safe SET tags = ''{x}'''),
    ('UPDATE safe SET tags = ''{x}'' WHERE id = ''a'''),
    ('UPDATE safe SET content = NULL'),
    ('UPDATE safe SET updated_at = now() + interval ''1 day'', tags = ''{}'''),
    ('UPDATE safe SET tags = ''{x}'' RETURNING id'),
    ('UPDATE safe SET tags = ''{x}'' RETURNING content'),
    ('DELETE FROM safe'),
    ('DELETE FROM safe WHERE id = ''a'''),
    ('DELETE FROM safe WHERE tags @> ''{kind:doc}'''),
    ('TRUNCATE safe'),
    ('TRUNCATE puts'),
    ('SELECT safe_put(''a'', ''{x}'')'),
    ('SELECT safe_put(''a'', ''{x}'', ''y'', at => ''2019-01-01'')'),
    ('SELECT safe_import(''a'', ''{1|x}'')'),
    ('SELECT safe_import(''a'', ''{}'', ''content'')'),
    ('SELECT entitydb.import(''narrow'', ''a'', ''{1|x}'', ''content'')'),
    ('SELECT safe_namespace(''kind'', ''one'')'),
    ('INSERT INTO safe_version (id) VALUES (''a'')'),
    ('DELETE FROM safe_tag'),
    ('SELECT safe_tag(''a'', ''x'')'),
    ('SELECT safe_untag(''a'', ''x'')'),
    ('SELECT safe_set(''a'', ''kind'', ''x'')'),
    ('SELECT safe_clear_content(''a'')'),
    ('SELECT safe_delete(''a'')'),
    ('SELECT entitydb.put(''puts'', ''a'', ''{x}'', NULL, NULL)'),
    ('SELECT narrow_put(''a'', ''{x}'')'),
    ('SELECT narrow_put(''a'', ''{x}'', ''hidden'')'),
    ('SELECT narrow_clear_content(''a'')'),
    ('SELECT narrow_tag(''a'', ''x'')'),
    ('SELECT entitydb.tag(''narrower'', ''a'', ''x'', NULL)'),
    ('SELECT entitydb.clear_content(''narrower'', ''a'', NULL)'),
    ('SELECT entitydb.tag(''safe_event'', ''a'', ''x'', NULL)'),
    ('SELECT entitydb.tag(''docs'', ''a'', ''x'', NULL)'),
    ('SELECT entitydb.tag(NULL, ''a'', ''x'', NULL)'),
    ('INSERT INTO docs (id, tags) VALUES (''c'', ''{kind:doc}'')'),
    ('INSERT INTO docs (id, tags) VALUES (''c'', ''{kind:other}'')'),
    ('UPDATE docs SET tags = ''{kind:other}''');
SELECT 'owner';
SET ROLE regress_w_owner;
SELECT tried(statement) FROM ways ORDER BY n;
SELECT 'reader';
SET ROLE regress_w_reader;
SELECT tried(statement) FROM ways ORDER BY n;
SELECT 'inserter';
SET ROLE regress_w_inserter;
SELECT tried(statement) FROM ways ORDER BY n;
SELECT 'updater';
SET ROLE regress_w_updater;
SELECT tried(statement) FROM ways ORDER BY n;
SELECT 'tagger';
SET ROLE regress_w_tagger;
SELECT tried(statement) FROM ways ORDER BY n;
SELECT 'deleter';
SET ROLE regress_w_deleter;
SELECT tried(statement) FROM ways ORDER BY n;
SELECT 'truncater';
SET ROLE regress_w_truncater;
SELECT tried(statement) FROM ways ORDER BY n;
SELECT 'putter';
SET ROLE regress_w_putter;
SELECT tried(statement) FROM ways ORDER BY n;
SELECT 'viewer';
SET ROLE regress_w_viewer;
SELECT tried(statement) FROM ways ORDER BY n;
-- COPY asks for what INSERT asks for.
SET ROLE regress_w_inserter;
COPY safe (id, tags) FROM stdin;
c	{x}
\.
COPY puts (id, tags) FROM stdin;
c	{y}
\.
COPY safe_event (id, tag) FROM stdin;
c	z
\.
SET ROLE regress_w_putter;
COPY puts (id, tags) FROM stdin;
c	{w}
\.
SELECT id, tags FROM safe ORDER BY id;

-- A face as a partition: the right to the partitioned table is what counts, as for any partition.
RESET ROLE;
CREATE TABLE parted (id text COLLATE "C", tags text[], content bytea) PARTITION BY LIST (id);
CREATE TABLE plain PARTITION OF parted FOR VALUES IN ('p');
CREATE FOREIGN TABLE part PARTITION OF parted DEFAULT SERVER entitydb OPTIONS (dataset 'safe');
CREATE TABLE put_parted (id text COLLATE "C", tags text[]) PARTITION BY LIST (id);
CREATE FOREIGN TABLE put_part PARTITION OF put_parted DEFAULT SERVER entitydb OPTIONS (dataset 'safe', on_conflict 'put');
GRANT INSERT ON parted, put_parted TO regress_w_inserter;
SET ROLE regress_w_inserter;
INSERT INTO parted VALUES ('p', '{x}'), ('q', '{x}');
COPY parted (id, tags) FROM stdin;
r	{x}
\.
INSERT INTO part VALUES ('s');
INSERT INTO put_parted VALUES ('q', '{y}');
RESET ROLE;
GRANT UPDATE (tags) ON put_parted TO regress_w_inserter;
SET ROLE regress_w_inserter;
INSERT INTO put_parted VALUES ('q', '{y}');
COPY put_parted FROM stdin;
r	{y}
\.
RESET ROLE;
SELECT tableoid::regclass, id, tags FROM parted ORDER BY id;
UPDATE parted SET id = 't' WHERE id = 'p';
UPDATE parted SET id = 'p' WHERE id = 't';
UPDATE parted SET tags = '{z}' WHERE id IN ('q', 't');
DELETE FROM parted WHERE id = 'r';
SELECT tableoid::regclass, id, tags FROM parted ORDER BY id;
DROP TABLE parted, put_parted;
DROP OWNED BY regress_w_reader, regress_w_inserter, regress_w_updater, regress_w_tagger, regress_w_deleter, regress_w_truncater,
    regress_w_putter, regress_w_viewer;
SET ROLE regress_w_owner;
DROP VIEW docs, put_view;
SELECT entity_drop('safe');
RESET ROLE;
DROP OWNED BY regress_w_owner;
DROP ROLE regress_w_owner, regress_w_reader, regress_w_inserter, regress_w_updater, regress_w_tagger, regress_w_deleter,
    regress_w_truncater, regress_w_putter, regress_w_viewer;
