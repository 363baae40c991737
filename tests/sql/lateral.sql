-- Instants from other relations: nested loops in every kind and order of join, never a join that reads at another instant.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_put('a', '{x}', at => '2020-01-01'), entity_put('b', '{x,y}', at => '2020-02-01'), entity_delete('a', at => '2020-03-01');
CREATE TABLE day (day timestamptz);
INSERT INTO day VALUES ('2020-01-15'), ('2020-02-15'), ('2020-03-15'), (NULL);
SELECT d.day, e.id FROM day d LEFT JOIN LATERAL entity_as_of(d.day) e ON e.tags @> '{y}' ORDER BY 1, 2;
SELECT d.day FROM day d WHERE NOT EXISTS (SELECT FROM entity_as_of(d.day) e WHERE e.id = 'a') ORDER BY 1;
SELECT d.day, (SELECT count(*) FROM entity_as_of(d.day)) FROM day d ORDER BY 1;
SELECT d.day, x.id FROM day d CROSS JOIN LATERAL (
    SELECT id FROM entity_as_of(d.day) UNION ALL SELECT id FROM entity_as_of(d.day + interval '1 month')
) x ORDER BY 1, 2;
-- An instant that itself comes from an instant's rows: no join but one order has a path.
SELECT d.day, x.id, y.id FROM day d, LATERAL entity_as_of(d.day) x, LATERAL entity_as_of(x.created_at) y ORDER BY 1, 2, 3;
SELECT d.day, x.id, y.id FROM day d LEFT JOIN LATERAL entity_as_of(d.day) x ON true
LEFT JOIN LATERAL entity_as_of(x.created_at) y ON x.id = y.id ORDER BY 1, 2, 3;
SELECT d.day, x.id, y.id, z.id FROM day d, LATERAL entity_as_of(d.day) x, LATERAL entity_as_of(x.created_at) y,
    LATERAL entity_as_of(least(x.updated_at, y.created_at)) z WHERE z.id = x.id ORDER BY 1, 2, 3;
SELECT x.id, (SELECT string_agg(y.id, ',' ORDER BY y.id) FROM entity_as_of(x.updated_at) y) FROM entity_as_of('2020-02-15') x ORDER BY 1;
SELECT x.id, y.id FROM entity_as_of('2020-01-15') x FULL JOIN entity_as_of('2020-03-15') y ON x.id = y.id ORDER BY 1, 2;
SET enable_nestloop = off;
SELECT d.day, x.id, y.id FROM day d, LATERAL entity_as_of(d.day) x, LATERAL entity_as_of(x.created_at) y ORDER BY 1, 2, 3;
SET geqo_threshold = 2;
SELECT d.day, x.id, y.id FROM day d, LATERAL entity_as_of(d.day) x, LATERAL entity_as_of(x.created_at) y ORDER BY 1, 2, 3;
