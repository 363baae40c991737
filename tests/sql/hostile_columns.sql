-- The columns that entity_create is given are a list of definitions and nothing else: no other statement, no expression that
-- would run, no table that would be looked into; and their names are data.
\set VERBOSITY terse
\pset format unaligned
\pset tuples_only on
CREATE TABLE canary (a int);
CREATE FUNCTION trap() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'trapped';
    RETURN 1;
END
$$;
CREATE SCHEMA "far ""s";
CREATE COLLATION "far ""s"."c c" (provider = icu, locale = 'en');
CREATE COLLATION near (provider = icu, locale = 'en');
CREATE TYPE "far ""s"."t t" AS ENUM ('a', 'b');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE FUNCTION try_columns(columns text) RETURNS text LANGUAGE plpgsql AS $t$
DECLARE
    made text;
BEGIN
    PERFORM entity_create('tried', columns);
    SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)) || coalesce(' ' || a.attfdwoptions::text, '')
            || CASE WHEN a.attcollation IN (0, 100, 950) THEN '' ELSE ' ' || a.attcollation::regcollation END, ', ' ORDER BY a.attnum)
    INTO made FROM pg_attribute a
    WHERE a.attrelid = 'tried'::regclass AND a.attnum > 0 AND a.attname NOT IN ('id', 'tags', 'created_at', 'updated_at');
    PERFORM entity_drop('tried');
    RETURN made;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$t$;
CREATE TABLE lists (n int GENERATED ALWAYS AS IDENTITY, columns text);
INSERT INTO lists (columns) VALUES ('a int'), ('a int, b text[]'), ('"a""b" text, "c''d" int OPTIONS (namespace ''x y'', on_many ''max'')'),
    (''), (' '), (','), ('a'), ('a int,'), ('a int) --'), ('a int); DROP TABLE canary; --'), ('a int); DROP TABLE canary; CREATE TABLE x (b int'),
    ('a int) SERVER entitydb OPTIONS (dataset ''entity''); --'), ('a int) INHERITS (canary'), ('a int) WITH (fillfactor = 10'),
    ('a int) TABLESPACE pg_default; SELECT (1'), ('a int) AS SELECT (1'), ('LIKE canary'), ('LIKE canary INCLUDING ALL'), ('a int DEFAULT trap()'),
    ('a int CHECK (trap() = 1)'), ('CHECK (trap() = 1)'), ('a int GENERATED ALWAYS AS (trap()) STORED'), ('a int GENERATED ALWAYS AS IDENTITY'),
    ('a int NOT NULL'), ('a int PRIMARY KEY'), ('a int UNIQUE'), ('a int REFERENCES canary'), ('EXCLUDE USING gist (a WITH =)'),
    ('a serial'), ('a canary.a%TYPE'), ('a canary'), ('a canary[]'), ('a record'), ('a regclass'), ('a "no such type"'), ('a SETOF int'),
    ('a "far ""s"."t t"'), ('a positive'), ('a text COLLATE near'), ('a text COLLATE "far ""s"."c c"'), ('a text COLLATE "no such"'),
    ('a int OPTIONS (dataset ''entity'')'), ('a int OPTIONS (namespace '''')'), ('a int OPTIONS (namespace ''a'', namespace ''b'')'),
    ('a int, a int'), ('id text'), ('tags text[]'), ('tags int'), ('content text'), ('content int'), ('created_at date'), ('ctid int'), ('tableoid oid'),
    ('a int, A int'), ('a int, "A" int'), ('a int /* b'), ('a int /* b */'), (E'a int -- b\n, c int'), ('a int -- b'), (E'a int\n'), ('a int;'),
    ('a numeric(5,2)'), ('a varchar(3)'), ('a timestamp with time zone'), ('a int[3][]'), ('select int'), ('"select" int'),
    (format('%I int', repeat('n', 63))), (format('"%s" int', repeat('n', 64))), ('$1 int'), ('%s int'), ('a int USING heap'), (repeat('a', 100000)),
    (repeat('(', 10000)), ('a int COMPRESSION lz4'), ('a int STORAGE plain'), ('c1 int, ' || (SELECT string_agg('c' || n || ' int', ', ') FROM generate_series(2, 1700) n));
SET client_min_messages = warning;
SELECT n, left(columns, 60), left(try_columns(columns), 200) FROM lists ORDER BY n;
SELECT count(*) FROM canary;
SELECT dataset FROM entitydb.stat_dataset;
SELECT try_columns(NULL);
-- What is looked up, is looked up in the caller's path, and stays what it was found to be.
CREATE SCHEMA trap;
CREATE DOMAIN trap.int AS text;
CREATE DOMAIN trap.text AS int;
CREATE DOMAIN trap.bytea AS int;
CREATE DOMAIN trap.uuid AS int;
SET search_path = trap, pg_catalog, public;
SELECT public.entity_create('typed', 'status text, score pg_catalog.int8, content pg_catalog.jsonb', 'pg_catalog.uuid');
SELECT typed_put('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{n:1}', '{"a": 1}', at => '2020-01-01');
SELECT typed_put('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '{n:a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', at => '2020-01-01');
SELECT id, content FROM typed_as_of('2021-01-01') ORDER BY id;
SELECT op, tag, new_content FROM typed_diff('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '2019-01-01', '2021-01-01');
SELECT * FROM typed_related('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', 'n', '2021-01-01');
SELECT * FROM typed_referrers('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'n', '2021-01-01');
SELECT * FROM typed_diff_set('{n:1}', '2019-01-01', '2021-01-01');
SELECT op, tag FROM typed_history('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
SELECT typed_tag('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'x'), typed_untag('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'x'),
    typed_set('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'status', '1'), typed_clear_content('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'),
    typed_import('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1748563200000000000|z}'), typed_delete('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
SELECT public.entity_drop('typed');
RESET search_path;
-- Names that are hostile, as columns of every face and function.
CREATE TABLE names (n int GENERATED ALWAYS AS IDENTITY, name text);
INSERT INTO names (name) VALUES ('a"b'), ('a''b'), ('a\b'), ('\''; DROP TABLE canary; --'), ('%I %L %s %1$s %%'), ('$body$'), (E'new\nline'), ('🦀'),
    ('Issue'), ('select'), ('e'), ('v'), ('a.b'), (' '), ('--'), ('/*'), ('NULL'), ('1'), (','), (')'), (';'), ('a:b'), (repeat('n', 63)), ('old'), ('new'),
    ('t'), ('tag'), ('op'), ('at'), ('ts'), ('value'), ('count'), ('change'), ('namespace'), ('relation'), ('version_'), ('valid_from_');
CREATE FUNCTION try_name(name text) RETURNS text LANGUAGE plpgsql AS $t$
DECLARE
    given text := E'a"b''c\\d %s $$';
    found text;
BEGIN
    PERFORM entity_create('tried', format('%I text, content text', name));
    EXECUTE format('INSERT INTO tried (id, %I, created_at) VALUES (''a'', $1, ''2020-01-01'')', name) USING given;
    EXECUTE format('SELECT %1$I FROM tried_as_of(''2021-01-01'') WHERE %1$I = $1', name) INTO found USING given;
    PERFORM * FROM tried_diff('a', '2019-01-01', '2021-01-01');
    PERFORM tried_set('a', name, 'x'), tried_put('a', NULL, 'c');
    EXECUTE format('SELECT %1$I FROM tried_version WHERE %1$I = $1', name) INTO STRICT found USING given;
    EXECUTE format('SELECT %1$I FROM tried WHERE %1$I = ''x''', name) INTO STRICT given;
    PERFORM entity_drop('tried');
    RETURN 'ok';
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$t$;
SELECT n, left(name, 20), try_name(name) FROM names ORDER BY n;
SELECT count(*) FROM canary;
