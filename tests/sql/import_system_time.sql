-- A restore: under entitydb.import_system_time the event face takes recorded_at over, and what was true by then counts as stamped.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity (id, tags) VALUES ('a', '{s:1}'), ('b', '{s:1,x}');
SELECT entity_tag('a', 's:2'), entity_put('b', '{s:3}', '\x01', '2020-01-01'), entity_tag('a', 'later', '2200-01-01');
SELECT entitydb.seal('entity') > 0;
SELECT entity_delete('b'), entity_tag('a', 's:4');
INSERT INTO entity_event (id, tag, ts) VALUES ('a', 'tie', '2021-01-01'), ('a', 'tie', '2021-01-01');
SELECT entity_create('ignored'), entity_create('restored'), entity_create('loaded');

-- Without it, the columns are ignored, with one warning a statement.
INSERT INTO ignored_event SELECT * FROM entity_event WHERE id = 'b';
SELECT count(*) FROM ignored_event i JOIN entity_event e USING (id, seq) WHERE i.recorded_at = e.recorded_at;

SET entitydb.import_system_time = on;
\set VERBOSITY sqlstate
INSERT INTO restored_event (id, tag, ts, recorded_at) VALUES ('a', 'x', '2020-01-01', 'infinity');
\set VERBOSITY default
-- Row by row, in one statement of few rows, in a bulk load: all the same.
DO $$
DECLARE
    e entity_event;
BEGIN
    FOR e IN SELECT * FROM entity_event WHERE id = 'a' LOOP
        INSERT INTO restored_event SELECT e.*;
    END LOOP;
END
$$;
INSERT INTO restored_event SELECT * FROM entity_event WHERE id = 'b';
SET entitydb.bulk_threshold = 1;
INSERT INTO loaded_event SELECT * FROM entity_event;
RESET entitydb.bulk_threshold;
CREATE VIEW differing AS
SELECT 'restored' AS face, id, ts_ns, op, tag, content, recorded_at, seq FROM restored_event
UNION ALL SELECT 'loaded', id, ts_ns, op, tag, content, recorded_at, seq FROM loaded_event
EXCEPT ALL SELECT f.*, id, ts_ns, op, tag, content, recorded_at, seq FROM entity_event, (VALUES ('restored'), ('loaded')) f;
SELECT count(*) FROM restored_event;
SELECT count(*) FROM loaded_event;
TABLE differing;
-- Again, it adds nothing (S7).
INSERT INTO restored_event SELECT * FROM entity_event;
SET entitydb.bulk_threshold = 1;
INSERT INTO loaded_event SELECT * FROM entity_event;
RESET entitydb.bulk_threshold;
SELECT (SELECT count(*) FROM restored_event), (SELECT count(*) FROM loaded_event);
-- Given and not given, side by side; what is not given is the transaction's.
INSERT INTO restored_event (id, ts, tag, recorded_at) VALUES ('c', '2020-01-01', 'past', '2020-06-01'), ('c', '2020-07-01', 'after', '2020-06-01'),
    ('c', '2020-01-01', 'now', NULL), ('c', NULL, 'stamped', '2020-06-01') RETURNING tag, recorded_at;
SELECT tag, recorded_at = '2020-06-01' AS stated FROM restored_event WHERE id = 'c';
SET entitydb.bulk_threshold = 1;
INSERT INTO loaded_event (id, ts, tag, recorded_at) SELECT id, ts, tag, CASE WHEN tag <> 'now' THEN recorded_at END FROM restored_event WHERE id = 'c';
RESET entitydb.bulk_threshold;
SELECT tag, recorded_at = '2020-06-01' AS stated FROM loaded_event WHERE id = 'c';
SELECT id, tags FROM restored_as_of('2020-12-01', '2020-06-01');
SELECT id, tags FROM loaded_as_of('2020-12-01', '2020-06-01');
SELECT id, tags FROM loaded_as_of('2020-12-01', '2020-05-31');
DELETE FROM restored WHERE id = 'c';
DELETE FROM loaded WHERE id = 'c';
-- Every answer on both axes is the original's.
CREATE TEMP TABLE moment AS
SELECT DISTINCT date_trunc('milliseconds', recorded_at) + d AS at FROM entity_event, (VALUES (interval '0'), ('1 microsecond'), ('1 second')) v (d)
UNION SELECT DISTINCT recorded_at FROM entity_event;
CREATE TEMP TABLE instant AS SELECT DISTINCT ts AS at FROM entity_event UNION VALUES ('2019-01-01'::timestamptz), (now());
CREATE FUNCTION answers(face text, at timestamptz, system timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE format('SELECT string_agg(format(''%%s %%s %%s %%s %%s'', id, tags, content, created_at, updated_at), ''; '' ORDER BY id)'
        ' FROM %I($1, $2) WHERE id <> ''c''', face || '_as_of') INTO answer USING at, system;
    RETURN coalesce(answer, '-');
END
$$;
CREATE TEMP VIEW otherwise AS
SELECT i.at, m.at AS system, f.face, answers('entity', i.at, m.at), answers(f.face, i.at, m.at) AS other
FROM instant i CROSS JOIN moment m CROSS JOIN (VALUES ('restored'), ('loaded')) f (face)
WHERE answers('entity', i.at, m.at) <> answers(f.face, i.at, m.at);
TABLE otherwise;
SELECT count(DISTINCT answers('entity', i.at, m.at)) > 5 AS many FROM instant i CROSS JOIN moment m;
SELECT id, tags FROM entity ORDER BY id;
SELECT id, tags FROM restored ORDER BY id;
SELECT id, tags FROM loaded ORDER BY id;
SELECT entitydb.seal_all() > 0;
TABLE otherwise;
SELECT count(*) FROM (SELECT entitydb.compact(d.name) FROM entitydb.dataset d) c;
TABLE otherwise;
-- A stamp that was brought back is before every later one (S3), and a plain read sees it whatever the clock says.
INSERT INTO restored_event (id, ts, tag, recorded_at) SELECT 'ahead', t + interval '20 ms', 'x', t + interval '30 ms' FROM (SELECT clock_timestamp()) c (t);
SELECT id FROM restored WHERE id = 'ahead';
SELECT restored_put('after', '{}');
SELECT a.ts_ns > b.ts_ns AS after FROM restored_event a, restored_event b WHERE a.id = 'after' AND b.id = 'ahead';
RESET entitydb.import_system_time;
-- For superusers alone.
CREATE ROLE regress_stranger;
SET ROLE regress_stranger;
SET entitydb.import_system_time = on;
RESET ROLE;
DROP ROLE regress_stranger;
