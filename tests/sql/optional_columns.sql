-- The optional columns of state faces: version, created_at_ns and updated_at_ns, read and written.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FOREIGN TABLE e (id text, tags text[], created_at timestamptz, updated_at timestamptz, version bigint,
    created_at_ns bigint, updated_at_ns bigint) SERVER entitydb OPTIONS (dataset 'entity');
CREATE FOREIGN TABLE n (version bigint, updated_at_ns bigint, id text, created_at_ns bigint, tags text[]) SERVER entitydb
    OPTIONS (dataset 'entity');
-- INSERT: the form in ns is exact, wins, and must floor to the other; version and updated_at are ignored.
INSERT INTO e (id, created_at_ns) VALUES ('a', 1577836800000000001) RETURNING created_at, created_at_ns, version;
INSERT INTO e VALUES ('b', '{x}', '2020-01-01', '1999-01-01', 99, 1577836800000000999, 1) RETURNING *;
INSERT INTO e (id, created_at, created_at_ns) VALUES ('c', '2020-01-01', 1577836800000001000);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO e (id, created_at_ns) VALUES ('c', 9214646400000000000);
\echo :LAST_ERROR_SQLSTATE
INSERT INTO e (id, created_at_ns, version) VALUES ('c', NULL, NULL);
SELECT created_at = updated_at, created_at_ns = updated_at_ns, created_at_ns / 1000000000 = floor(extract(epoch FROM created_at)), version
FROM e WHERE id = 'c';
COPY n FROM stdin;
7	8	d	1577836800000000500	{y}
\.
SELECT * FROM n WHERE id = 'd';
-- UPDATE: version is ignored, created_at is not changed, updated_at_ns says when exactly.
UPDATE e SET version = 99 WHERE id = 'a' RETURNING version;
UPDATE e SET tags = '{x}', version = version + 1 WHERE id = 'a' AND version = 1 RETURNING version > 1;
UPDATE e SET tags = '{lost}' WHERE id = 'a' AND version = 1;
UPDATE e SET created_at_ns = created_at_ns + 1 WHERE id = 'a';
\echo :LAST_ERROR_SQLSTATE
UPDATE e SET tags = '{x,y}', updated_at_ns = 1577836800000001234 WHERE id = 'b' RETURNING updated_at, updated_at_ns, version;
UPDATE e SET tags = '{x,z}', updated_at = '2020-01-02', updated_at_ns = 1577836800000001235 WHERE id = 'b';
\echo :LAST_ERROR_SQLSTATE
UPDATE e SET tags = '{x,z}', updated_at = '2020-01-02', updated_at_ns = 1577923200000000007 WHERE id = 'b' RETURNING updated_at, updated_at_ns, version;
UPDATE e SET tags = '{}', updated_at_ns = 1577923200000000006 WHERE id = 'b';
\echo :LAST_ERROR_SQLSTATE
-- A later one schedules the change.
UPDATE e SET tags = '{}', updated_at_ns = 7258118400000000001 WHERE id = 'b' RETURNING tags, updated_at_ns;
SELECT tags, updated_at_ns, version FROM n WHERE id = 'b';
-- version counts what a read looks at, and grows with each change; a plain change is seen by all later reads.
SELECT e.id, e.version, p.version AS at_first FROM n e, LATERAL (
    SELECT f.version FROM n f WHERE entitydb.at_ns(f.tableoid, e.created_at_ns) AND f.id = e.id) p WHERE e.id <> 'c' ORDER BY e.id;
SELECT id FROM n WHERE created_at_ns = 1577836800000000500;
SELECT id FROM n WHERE updated_at_ns > 1577836800000000999 AND created_at_ns < 1577836800000001000 ORDER BY id;
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT id, version, created_at_ns, updated_at_ns FROM n WHERE id IN ('b', 'd') ORDER BY id;
SELECT id FROM n WHERE updated_at_ns > 1577836800000000999 AND created_at_ns < 1577836800000001000 ORDER BY id;
UPDATE n SET tags = '{sealed}' WHERE id = 'd' AND version = 2 RETURNING tags, version;
UPDATE n SET tags = '{lost}' WHERE id = 'd' AND version = 2 RETURNING tags;
