-- seal, compact and verify change no answer.
SET timezone = 'UTC';
SELECT count(entity_put('e' || i, ARRAY['n:' || i % 3, 'all'], convert_to('content ' || i, 'UTF8'), at => '2020-01-01'))
FROM generate_series(1, 100) i;
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT entitydb.seal('entity') AS nothing_left;
SELECT segments > 0 AS segments, events FROM entitydb.stat_dataset WHERE dataset = 'entity';
SELECT * FROM entity_facets('n');
SELECT count(entity_set('e' || i, 'n', '9', at => '2020-02-01')) FROM generate_series(1, 50) i;
SELECT * FROM entity_facets('n');
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT count(entity_delete('e' || i, at => '2020-03-01')) FROM generate_series(1, 10) i;
SELECT * FROM entity_facets('n');
SELECT * FROM entity_facets('n', at => '2020-01-15');
SELECT entitydb.seal('entity') > 0 AS sealed;
SELECT entitydb.compact('entity') > 0 AS compacted;
SELECT * FROM entity_facets('n');
SELECT * FROM entity_facets('n', at => '2020-01-15');
SELECT count(*) FROM entity WHERE tags @> '{all,n:9}';
SELECT convert_from(content, 'UTF8') FROM entity WHERE id = 'e42';
SELECT kind, count(*) > 0 AS some FROM entitydb.stat_segment GROUP BY kind ORDER BY kind;
SELECT count(*) > 0 AS checked, count(*) FILTER (WHERE NOT ok) AS bad FROM entitydb.verify('entity');
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT entitydb.seal('entity');
ROLLBACK;
SELECT entitydb.seal('nothing');
