-- The error table: SQLSTATE, message and hint of each case in scope.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FUNCTION fails(statement text) RETURNS TABLE (state text, message text, hint text) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    state := 'none';
    RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN NEXT;
END
$$;
\pset format unaligned
INSERT INTO entity (id, created_at) VALUES ('a', '2020-01-01');
SELECT * FROM fails($$INSERT INTO entity (id, created_at) VALUES ('a', '2020-01-01')$$);
SELECT * FROM fails($$INSERT INTO entity (id) VALUES (NULL)$$);
SELECT * FROM fails($$INSERT INTO entity (id) VALUES ('')$$);
SELECT * FROM fails($$INSERT INTO entity (id, tags) VALUES ('b', '{NULL}')$$);
SELECT * FROM fails($$INSERT INTO entity (id, tags) VALUES ('b', ARRAY[''])$$);
SELECT * FROM fails($$INSERT INTO entity (id) VALUES (repeat('x', 1025))$$);
SELECT * FROM fails($$INSERT INTO entity (id, created_at) VALUES ('b', 'infinity')$$);
SELECT * FROM fails($$UPDATE entity SET id = 'b'$$);
SELECT * FROM fails($$UPDATE entity SET created_at = '2000-01-01'$$);
SELECT * FROM fails($$UPDATE entity SET tags = '{x}', updated_at = '2000-01-01 00:00+00'$$);
SELECT * FROM fails($$UPDATE entity_event SET tag = 'x'$$);
SELECT * FROM fails($$DELETE FROM entity_event$$);
SELECT * FROM fails($$SELECT entity_put(NULL, '{}')$$);
SELECT * FROM fails($$SELECT entity_put('', '{}')$$);
SELECT * FROM fails($$SELECT entity_put('a', '{NULL}')$$);
SELECT * FROM fails($$SELECT entity_put('a', ARRAY[''])$$);
SELECT * FROM fails($$SELECT entity_put(repeat('x', 1025), '{}')$$);
SELECT * FROM fails($$SELECT entity_put('a', ARRAY[repeat('x', 1025)])$$);
SELECT * FROM fails($$SELECT entity_put('a', '{}', at => 'infinity')$$);
SELECT * FROM fails($$SELECT entity_put('a', '{}', at => '2262-01-01 00:00+00')$$);
SELECT * FROM fails($$SELECT entity_tag('nobody', 'x')$$);
SELECT * FROM fails($$SELECT entity_set('nobody', 'x', 'y')$$);
SELECT * FROM fails($$SELECT entity_tag('a', NULL)$$);
SELECT * FROM fails($$SELECT entity_set('a', 'x', NULL)$$);
SELECT * FROM fails($$SELECT entity_delete(NULL)$$);
SELECT * FROM fails($$SELECT entitydb.put(NULL, 'a', '{}', NULL, NULL)$$);
SELECT * FROM fails($$SELECT entitydb.tag('entity_event', 'a', 'x', NULL)$$);
SELECT * FROM fails($$SELECT entitydb.facets('pg_class', 'a', '{}', NULL)$$);
SELECT * FROM fails($$SELECT entitydb.check_face('pg_class')$$);
SELECT * FROM fails($$SELECT entity_has_tag('{a}', 'a*b')$$);
SELECT * FROM fails($$SELECT entity_create(repeat('x', 45))$$);
SELECT * FROM fails($$SELECT entity_create('entity')$$);
SELECT * FROM fails($$SELECT entity_drop('nothing')$$);
SELECT * FROM fails($$SELECT entity_drop(NULL, if_exists => true)$$);
SELECT * FROM fails($$SELECT entitydb.seal('nothing')$$);
SELECT * FROM fails($$SELECT entitydb.at(0, now(), NULL)$$);
SELECT * FROM fails($$CREATE FOREIGN TABLE f (id text) SERVER entitydb OPTIONS (dataset 'entity', nonsense '1')$$);
-- Nothing of a failed statement is left.
SELECT id, tags FROM entity;
\set VERBOSITY terse
BEGIN READ ONLY;
SELECT entity_put('a', '{}');
ROLLBACK;
BEGIN READ ONLY;
SELECT entitydb.seal('entity');
ROLLBACK;
BEGIN READ ONLY;
SELECT entitydb.compact('entity');
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT entitydb.seal('entity');
ROLLBACK;
