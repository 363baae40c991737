-- S4: of the tags of a namespace of cardinality one, the one asserted last holds, whatever wrote it and whenever that was declared.
\set VERBOSITY terse
SET timezone = 'UTC';

-- Declared before anything is written.
SELECT entity_namespace('status', 'one');
SELECT * FROM entitydb.namespace;
SELECT entity_put('a', '{type:bug,status:open}', at => '2018-01-01');
SELECT entity_tag('a', 'status:done', at => '2018-01-05');
-- A value asserted in the past lasts until the next one, and disturbs nothing later.
SELECT entity_tag('a', 'status:old:review', at => '2018-01-03');
SELECT d, e.tags FROM unnest('{2018-01-01,2018-01-03,2018-01-05}'::timestamptz[]) d, entity_as_of(d) e ORDER BY d;
SELECT op, tag FROM entity_history('a');
-- Nothing is recorded that an assert says by itself.
SELECT entity_put('a', '{status:x}', at => '2018-01-06'), entity_set('a', 'status', 'y', at => '2018-01-07');
SELECT ts::date, op, tag FROM entity_history('a', since => '2018-01-05');
UPDATE entity SET tags = '{status:z,type:bug}' WHERE id = 'a';
SELECT op, tag FROM entity_history('a', since => '2019-01-01') ORDER BY op, tag;
-- What ended does not come back.
SELECT entity_untag('a', 'status:z'), entity_untag('a', 'status:y');
SELECT tags FROM entity;

-- Two values at once are an error, but for the event face, where the later one holds.
SELECT entity_put('b', '{status:a,status:b:c}');
INSERT INTO entity (id, tags) VALUES ('b', '{status:a,status:a}'), ('c', '{status:a,status:b}');
UPDATE entity SET tags = tags || '{status:b}' WHERE id = 'a';
UPDATE entity SET tags = tags || '{status:c}' WHERE id = 'a';
SET entitydb.bulk_threshold = 1;
COPY entity (id, tags) FROM stdin;
d	{status:a}
e	{type:bug}
f	{status:a,status:b}
\.
COPY entity (id, tags) FROM stdin;
d	{status:a,type:bug}
e	{type:bug,type:task}
f	{status:b,status:b}
\.
RESET entitydb.bulk_threshold;
INSERT INTO entity_event (id, tag) VALUES ('g', 'status:b'), ('g', 'status:a');
SELECT id, tags FROM entity ORDER BY id;
SELECT tag FROM entity_event WHERE id = 'g' ORDER BY seq;

-- Many values again: all that was asserted and not retracted.
SELECT entity_namespace('status', 'many');
SELECT id, tags FROM entity ORDER BY id;
SELECT entity_namespace('status', 'many');
SELECT * FROM entitydb.namespace;
SELECT * FROM entitydb.verify('entity') WHERE NOT ok;

-- Declared for what was stored before: sealed, loaded, half sealed, not sealed.
SELECT entity_create('late');
INSERT INTO late_event (id, ts, tag) VALUES
    ('s', '2018-01-01', 'p:1'), ('s', '2018-01-02', 'p:2'), ('s', '2018-01-03', 'p:q:3'), ('s2', '2018-01-01', 'p:1'),
    ('half', '2018-01-01', 'p:1'), ('half', '2018-01-03', 'p:3');
BEGIN;
SELECT entitydb.seal('late');
COMMIT;
INSERT INTO late_event (id, ts, op, tag) VALUES
    ('half', '2018-01-02', 'assert', 'p:2'), ('half', '2018-01-04', 'retract', 'p:3'),
    ('u', '2018-01-01', 'assert', 'p:1'), ('u', '2018-01-04', 'assert', 'p:2'), ('other', '2018-01-01', 'assert', 'p');
CREATE FUNCTION pg_temp.look() RETURNS TABLE (day date, id text, tags text[], count bigint, facets text)
LANGUAGE sql AS $$
    SELECT d::date, e.id, e.tags, (SELECT count(*) FROM late_as_of(d) c WHERE c.tags @> e.tags[1:1]),
        (SELECT string_agg(f.value || ' ' || f.count, ', ' ORDER BY f.value) FROM late_facets('p', at => d) f)
    FROM unnest('{2018-01-01,2018-01-02,2018-01-03,2018-01-04}'::timestamptz[]) d, late_as_of(d) e ORDER BY 1, 2
$$;
SELECT * FROM pg_temp.look();
SELECT late_namespace('p', 'one');
SELECT * FROM pg_temp.look();
SELECT * FROM entitydb.verify('late') WHERE NOT ok;
SELECT late_namespace('p', 'many');
SELECT * FROM pg_temp.look();
-- A cursor reads on as its statement began, and a savepoint takes a declaration back.
BEGIN;
DECLARE c CURSOR FOR SELECT id, tags FROM late WHERE tags @> '{p:1}' ORDER BY id;
FETCH 1 FROM c;
SAVEPOINT s;
SELECT late_namespace('p', 'one');
SELECT count(*) FROM late WHERE tags @> '{p:1}';
ROLLBACK TO s;
SELECT count(*) FROM late WHERE tags @> '{p:1}';
SELECT late_namespace('p', 'one'), late_namespace('p', 'one');
FETCH ALL FROM c;
ROLLBACK;
-- In a transaction that is rolled back, and one whose snapshot is too old to rewrite segments.
BEGIN;
SELECT late_namespace('p', 'one');
SELECT id, tags FROM late ORDER BY id;
ROLLBACK;
SELECT id, tags FROM late ORDER BY id;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT late_namespace('p:q', 'one'), late_namespace('p', 'one');
SELECT id, tags FROM late ORDER BY id;
COMMIT;
SELECT id, tags FROM late ORDER BY id;
INSERT INTO late_event (id, ts, tag) VALUES ('s', '2018-01-05', 'p:q:5'), ('s2', '2018-01-05', 'p:2');
SELECT count(*) FROM late WHERE tags @> '{p:1}';
SELECT count(*) > 0 FROM (SELECT entitydb.seal('late')) s;
SELECT count(*) FROM late WHERE tags @> '{p:1}';
SELECT entitydb.compact('late') > 0;
SELECT id, tags FROM late ORDER BY id;
SELECT * FROM entitydb.verify('late') WHERE NOT ok;

-- Segments are left as they are where nothing in them reads differently.
CREATE TEMP TABLE before AS SELECT name FROM entitydb.stat_segment WHERE dataset = 'late';
SELECT late_namespace('q', 'one');
SELECT count(*) FROM (SELECT name FROM entitydb.stat_segment WHERE dataset = 'late' EXCEPT TABLE before) s;
SELECT count(*) FROM late WHERE tags @> '{p:2}';
INSERT INTO late_event (id, ts, tag) VALUES ('s', '2018-01-06', 'q:1'), ('s', '2018-01-07', 'q:2'), ('s', '2018-01-08', 'p:q:6');
SELECT entitydb.seal('late');
SELECT id, tags, (SELECT count(*) FROM late c WHERE c.tags @> ARRAY[e.tags[2]]) FROM late e WHERE tags && '{q:1,q:2}';
SELECT * FROM entitydb.verify('late') WHERE NOT ok;

-- What is wrong.
SELECT entity_namespace(NULL, 'one');
SELECT entity_namespace('status', NULL);
SELECT entity_namespace('', 'one');
SELECT entity_namespace(repeat('x', 1025), 'one');
SELECT entity_namespace('status', 'two');
SELECT entitydb.set_cardinality(-1, 'status', true);
CREATE ROLE regress_namespace;
GRANT ALL ON entity TO regress_namespace;
SET ROLE regress_namespace;
SELECT entity_namespace('status', 'one');
RESET ROLE;
DROP OWNED BY regress_namespace;
DROP ROLE regress_namespace;
BEGIN READ ONLY;
SELECT entity_namespace('status', 'one');
ROLLBACK;

-- A dataset of the same name starts without.
SELECT entity_drop('late');
SELECT entity_create('late');
SELECT * FROM entitydb.namespace;
SELECT entitydb.set_cardinality((SELECT id FROM entitydb.dataset WHERE name = 'late'), 'rbac', true);
SELECT late_put('x', '{rbac:role:admin,rbac:perm:x}');
SELECT entity_drop('late');
