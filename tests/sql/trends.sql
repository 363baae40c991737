-- How many carry some tags over time, and who began or ceased to: trends and differences of sets.
\set VERBOSITY terse
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION pg_temp.fill(part int) RETURNS void LANGUAGE sql AS $$
    INSERT INTO entity_event (id, ts, op, tag) SELECT * FROM (VALUES
        ('ada', '2020-01-01'::timestamptz, 'assert', 'type:user'), ('ada', '2020-01-01', 'assert', 'role:admin'),
        ('ada', '2020-03-01', 'retract', 'role:admin'), ('ada', '2020-03-01', 'assert', 'role:dev'),
        ('bob', '2020-02-01', 'assert', 'type:user'), ('bob', '2020-02-01', 'assert', 'role:dev'),
        ('bob', '2020-04-01', 'delete', NULL), ('eve', '2020-03-15', 'assert', 'type:user'),
        ('eve', '2020-03-15 00:00:00.000001', 'assert', 'role:dev:lead'), ('web', '2020-02-10', 'assert', 'type:host')
    ) f (id, ts, op, tag) WHERE (length(f.tag) + extract(month FROM f.ts)::int) % 2 = part OR f.tag IS NULL AND part = 0
$$;
SELECT pg_temp.fill(0);
SELECT pg_temp.fill(1);

SELECT * FROM entity_trend('{type:user}', '2020-01-01', '2020-05-01', '1 month');
SELECT * FROM entity_trend('{type:user,role:dev}', '2020-01-01', '2020-05-01', '2 weeks');
SELECT * FROM entity_trend('{}', '2019-12-31', '2020-04-30', '1 month');
SELECT * FROM entity_trend_by('role', '{type:user}', '2020-01-01', '2020-05-01', '1 month');
SELECT * FROM entity_trend_by('type', '{}', '2020-02-01', '2020-02-28', '10 days') WHERE count > 1;
-- The points are those of generate_series: each a step from the one before, in the session's time zone.
SELECT at FROM entity_trend('{}', '2020-01-31', '2020-05-31', '1 month');
SET timezone = 'Europe/Berlin';
SELECT at FROM entity_trend('{}', '2020-03-28', '2020-03-31', '1 day');
SELECT count(*) FROM entity_trend('{}', '2020-03-28', '2020-03-31', '1 day') JOIN generate_series('2020-03-28'::timestamptz, '2020-03-31', '1 day') g ON g = at;
SET timezone = 'UTC';
-- A point reaches to the end of its microsecond (S9).
SELECT entity_tag('web', 'up', at => '2020-06-01');
INSERT INTO entity_event (id, ts_ns, tag) VALUES ('web', entitydb.ns('2020-06-01 00:00:00.000001999'), 'down');
SELECT * FROM entity_trend('{down}', '2020-06-01', '2020-06-01 00:00:00.000002', '1 microsecond');
-- Every point is what an as-of says there.
SELECT t.at, t.count, a.count FROM entity_trend('{type:user}', '2019-12-15', '2020-05-15', '11 days 3 hours') t,
    LATERAL (SELECT count(*) FROM entity_as_of(t.at) e WHERE e.tags @> '{type:user}') a WHERE t.count <> a.count;
SELECT count(*) FROM (
    SELECT t.at, t.value, t.count FROM entity_trend_by('role', '{}', '2019-12-15', '2020-05-15', '5 days') t
    EXCEPT
    SELECT p, f.value, f.count FROM generate_series('2019-12-15'::timestamptz, '2020-05-15', '5 days') p, entity_facets('role', at => p) f
) t;

SELECT * FROM entity_diff_set('{type:user}', '2020-01-15', '2020-02-15');
SELECT * FROM entity_diff_set('{role:dev}', '2020-02-15', '2020-04-15') ORDER BY id;
SELECT * FROM entity_diff_set('{role:dev}', '2020-04-15', '2020-02-15') ORDER BY id;
SELECT * FROM entity_diff_set('{}', '-infinity', 'infinity') ORDER BY id;
SELECT * FROM entity_diff_set('{type:user,role:dev}', '-infinity', '2020-03-10') ORDER BY id;
SELECT * FROM entity_diff_set('{type:user}', 'infinity', 'infinity');

-- NULL gives no rows, and so does a span that ends before it begins.
SELECT * FROM entity_trend(NULL, '2020-01-01', '2020-05-01', '1 month');
SELECT * FROM entity_trend('{NULL}', '2020-01-01', '2020-05-01', '1 month');
SELECT * FROM entity_trend('{}', NULL, '2020-05-01', '1 month');
SELECT * FROM entity_trend('{}', '2020-01-01', NULL, '1 month');
SELECT * FROM entity_trend('{}', '2020-01-01', '2020-05-01', NULL);
SELECT * FROM entity_trend_by(NULL, '{}', '2020-01-01', '2020-05-01', '1 month');
SELECT * FROM entity_trend('{}', '2020-05-01', '2020-01-01', '1 month');
SELECT * FROM entity_diff_set(NULL, '2020-01-15', '2020-02-15');
SELECT * FROM entity_diff_set('{x,NULL}', '2020-01-15', '2020-02-15');
SELECT * FROM entity_diff_set('{type:user}', NULL, '2020-02-15');
SELECT * FROM entity_diff_set('{type:user}', '2020-01-15', NULL);
-- Points out of the range of writes are read as at its nearest end.
SELECT * FROM entity_trend('{type:host}', '1000-01-01', '3000-01-01', '500 years');
-- What is wrong.
SELECT * FROM entity_trend('{}', '2020-01-01', '2020-05-01', '0');
SELECT * FROM entity_trend('{}', '2020-01-01', '2020-05-01', '-1 day');
SELECT * FROM entity_trend('{}', '2020-01-01', '2020-05-01', '1 month -30 days');
SELECT * FROM entity_trend('{}', '2020-01-31', '2020-05-01', '1 month -29 days');
SELECT * FROM entity_trend('{}', '-infinity', '2020-05-01', '1 day');
SELECT * FROM entity_trend_by('role', '{}', '2020-01-01', 'infinity', '1 day');
SELECT count(*) FROM entity_trend('{}', '2020-01-01', '2020-01-01 00:00:00.999999', '1 microsecond');
SELECT count(*) FROM entity_trend('{}', '2020-01-01', '2020-01-01 00:00:01', '1 microsecond');
-- A face gives what was granted.
CREATE ROLE regress_trends;
SET ROLE regress_trends;
SELECT * FROM entity_trend('{}', '2020-01-01', '2020-05-01', '1 month');
SELECT * FROM entity_diff_set('{}', '2020-01-01', '2020-05-01');
RESET ROLE;
DROP ROLE regress_trends;
