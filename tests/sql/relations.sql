-- Relations: tags `relation:<id>`, followed both ways, now and at any instant.
SET timezone = 'UTC';
SELECT entity_put('ada', '{type:user,knows:bob,knows:nobody,knows:x:y}', at => '2020-01-01');
SELECT entity_put('bob', '{type:user,knows:ada,likes:bob}', at => '2020-02-01');
SELECT entity_untag('ada', 'knows:bob', at => '2020-03-01');
SELECT entity_put('eve', '{knows:ada,knows:}');
SELECT * FROM entity_related('ada', 'knows') ORDER BY id;
SELECT * FROM entity_related('ada', 'knows', '2020-02-15') ORDER BY id;
SELECT * FROM entity_related('ada', 'knows:x');
SELECT * FROM entity_related('eve', 'knows') ORDER BY id;
SELECT * FROM entity_referrers('ada', 'knows') ORDER BY id;
SELECT * FROM entity_referrers('ada', 'knows', at => '2020-02-15');
SELECT * FROM entity_referrers('bob', 'knows', '2020-02-15');
SELECT * FROM entity_referrers('bob', 'knows');
SELECT * FROM entity_referrers('nobody', 'knows');
SELECT * FROM entity_referrers('bob', 'likes', 'infinity');
SELECT * FROM entity_referrers('y', 'knows:x', 'infinity');
-- From one to the next: a join, and a walk.
SELECT e.id, r.id FROM entity e, entity_related(e.id, 'knows') r ORDER BY 1, 2;
SELECT d::date, count(*) FROM generate_series('2019-12-01'::timestamptz, '2020-04-01', '1 month') d, entity_referrers('bob', 'knows', d) GROUP BY 1;
WITH RECURSIVE reached (id) AS (
    SELECT 'eve' UNION SELECT r.id FROM reached, entity_related(reached.id, 'knows', '2020-02-15') r
)
SELECT id FROM reached ORDER BY id;
WITH RECURSIVE reached (id) AS (
    SELECT 'nobody' UNION SELECT r.id FROM reached, entity_referrers(reached.id, 'knows') r
)
SELECT id FROM reached ORDER BY id;
-- NULL gives no rows, but for the instant.
SELECT * FROM entity_related(NULL, 'knows');
SELECT * FROM entity_related('ada', NULL);
SELECT * FROM entity_referrers(NULL, 'knows');
SELECT * FROM entity_referrers('ada', NULL);
SELECT count(*) FROM entity_referrers('ada', 'knows', NULL);
-- What the caller adds reaches one scan.
EXPLAIN (COSTS OFF) SELECT * FROM entity_referrers('ada', 'knows') WHERE id = 'bob';
EXPLAIN (COSTS OFF) SELECT * FROM entity_referrers('ada', 'knows', '2020-02-15');
EXPLAIN (COSTS OFF) SELECT * FROM entity_related('ada', 'knows', '2020-02-15');
EXPLAIN (COSTS OFF) SELECT * FROM unnest('{a,b}'::text[]) u, entity_referrers(u, 'knows');
PREPARE p (text, timestamptz) AS SELECT * FROM entity_referrers($1, 'knows', $2);
SET plan_cache_mode = force_generic_plan;
EXPLAIN (COSTS OFF) EXECUTE p ('ada', NULL);
EXECUTE p ('ada', NULL);
EXECUTE p ('ada', '2020-02-15');
