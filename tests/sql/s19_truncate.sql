-- S19: TRUNCATE takes state and history, and leaves a floor of system time; valid time has none.
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
CREATE TABLE moment (name text, at timestamptz);
CREATE FUNCTION note(text) RETURNS void LANGUAGE sql AS 'INSERT INTO moment VALUES ($1, clock_timestamp())';
CREATE FUNCTION moment(text) RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM moment WHERE name = $1';
-- Messages without the moments in them.
CREATE FUNCTION asks(system timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    RETURN (SELECT coalesce(string_agg(id, ',' ORDER BY id), 'nothing') FROM entity_as_of('2021-01-01', system));
EXCEPTION WHEN invalid_parameter_value THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN regexp_replace(SQLERRM, '\d+-\d+-\d+ [\d:.]+\+00', '<time>', 'g') || ' | ' || hint;
END
$$;
INSERT INTO entity (id, tags, created_at) VALUES ('a', '{x}', '2020-01-01'), ('b', '{x}', '2020-02-01');
SELECT entitydb.seal('entity');
INSERT INTO entity (id, tags, created_at) VALUES ('c', '{x}', '2020-03-01');
SELECT note('before');
SELECT asks(moment('before'));
-- In the transaction itself every known instant is older; rolled back, nothing happened.
BEGIN;
TRUNCATE entity;
SELECT asks(moment('before')), asks(clock_timestamp()), asks('infinity'), asks('-infinity');
SELECT count(*) FROM entity_as_of('2021-01-01');
ROLLBACK;
SELECT asks(moment('before'));
SELECT truncated_tx, truncated_at FROM entitydb.dataset;
TRUNCATE entity;
SELECT count(*) FROM entity;
SELECT count(*) FROM entity_event;
SELECT count(*) FROM entitydb.stat_segment;
SELECT asks(moment('before')), asks('-infinity'), asks('infinity'), asks(NULL);
SELECT count(*) FROM entity_as_of(NULL, moment('before'));
-- Any past may be loaded again, and is known from then on.
SELECT note('empty');
INSERT INTO entity (id, tags, created_at) VALUES ('a', '{y}', '2019-01-01');
SELECT note('loaded');
SELECT asks(moment('before')), asks(moment('empty')), asks(moment('loaded'));
SELECT id, tags FROM entity_as_of('2019-01-01');
SELECT entitydb.seal('entity'), entitydb.compact('entity');
SELECT asks(moment('before')), asks(moment('empty')), asks(moment('loaded'));
-- Twice in a transaction, several faces of one dataset, savepoints.
CREATE FOREIGN TABLE again (id text) SERVER entitydb OPTIONS (dataset 'entity');
BEGIN;
TRUNCATE entity, again;
INSERT INTO again VALUES ('d');
TRUNCATE again;
SAVEPOINT s;
INSERT INTO again VALUES ('e');
TRUNCATE entity;
ROLLBACK TO s;
INSERT INTO again VALUES ('f');
COMMIT;
SELECT id FROM entity;
SELECT note('last');
SELECT asks(moment('loaded'));
SELECT id FROM entity_as_of('infinity', moment('last'));
-- The error itself, and other faces.
\set VERBOSITY sqlstate
SELECT * FROM entity_as_of('2021-01-01', '2000-01-01');
SELECT count(*) FROM entity_as_of('2021-01-01', '2000-01-01') WHERE id = 'a';
SELECT * FROM moment m, LATERAL entity_as_of('2021-01-01', m.at) WHERE m.name = 'before';
TRUNCATE entity_event;
BEGIN READ ONLY;
TRUNCATE entity;
ROLLBACK;
\set VERBOSITY default
CREATE ROLE regress_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON entity TO regress_reader;
SET ROLE regress_reader;
TRUNCATE entity;
RESET ROLE;
GRANT TRUNCATE ON entity TO regress_reader;
SET ROLE regress_reader;
TRUNCATE entity;
RESET ROLE;
SELECT count(*) FROM entity;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;
