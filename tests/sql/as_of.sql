-- entity_as_of in all its forms, and what reaches the scan (S5, S9).
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_put('a', '{type:user,status:new}', at => '2018-01-01');
SELECT entity_put('b', '{type:user,status:closed}', at => '2018-02-01');
SELECT entity_put('c', '{type:bot}', at => '2018-03-01');
SELECT entity_set('a', 'status', 'closed', at => '2018-06-01');
SELECT id, tags FROM entity_as_of('2018-03-01') ORDER BY id;
SELECT id, tags FROM entity_as_of('2018-06-01') WHERE tags @> '{type:user,status:closed}' ORDER BY id;
SELECT count(*) FROM entity_as_of('2018-03-01') WHERE NOT tags @> '{type:user}';
SELECT count(*) FROM entity_as_of('2018-03-01') WHERE tags && '{type:bot,status:new}';
SELECT count(*) FROM entity_as_of('2018-03-01') WHERE 'type:bot' = ANY (tags);
SELECT count(*) FROM entity_as_of('2018-03-01') WHERE entity_has_tag(tags, 'status:*');
SELECT id FROM entity WHERE tags @> '{status:closed}' ORDER BY id;
-- S9: an instant includes itself; its microsecond is reached to the end; infinity is no bound; NULL gives no rows.
SELECT count(*) FROM entity_as_of('2018-02-28 23:59:59.999999');
SELECT count(*) FROM entity_as_of('infinity'), entity_as_of('-infinity') e2;
SELECT count(*) FROM entity_as_of('infinity');
SELECT count(*) FROM entity_as_of(NULL);
SELECT count(*) FROM entity_as_of('2018-03-01', NULL);
SELECT count(*) FROM entity_as_of_ns(entitydb.ns('2018-03-01 00:00+00')), entity_as_of_ns(entitydb.ns('2018-03-01 00:00+00') - 1) e2;
-- S2: the past as best known, and as it was known at a moment.
SELECT clock_timestamp() AS before \gset
SELECT entity_tag('c', 'late', at => '2018-03-01');
SELECT tags FROM entity_as_of('2018-03-01') WHERE id = 'c';
SELECT tags FROM entity_as_of('2018-03-01', :'before') WHERE id = 'c';
-- A column as the instant is a nested loop.
SELECT d::date, count(e.id) FROM generate_series('2017-12-01'::timestamptz, '2018-04-01', '1 month') d
LEFT JOIN LATERAL (SELECT id FROM entity_as_of(d) WHERE tags @> '{type:user}') e ON true GROUP BY d ORDER BY d;
PREPARE at(timestamptz) AS SELECT id FROM entity_as_of($1) WHERE tags @> '{type:user}' ORDER BY id;
SET plan_cache_mode = force_generic_plan;
EXECUTE at('2018-01-15');
EXECUTE at('2018-02-15');
EXECUTE at(NULL);
EXPLAIN (COSTS OFF) SELECT id FROM entity_as_of('2018-03-01') WHERE tags @> '{supports:chrome,supports:safari}';
