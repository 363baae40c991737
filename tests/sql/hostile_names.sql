-- Names are data: quotes, backslashes, percents, dollars, newlines and what else a name may hold reach no statement.
\set VERBOSITY terse
SET timezone = 'UTC';
\pset format unaligned
\pset tuples_only on
CREATE TABLE canary (a int);
CREATE TABLE names (n int GENERATED ALWAYS AS IDENTITY, name text);
INSERT INTO names (name) VALUES ('a"b'), ('a''b'), ('a\b'), ('\''; DROP TABLE canary; --'), ('%I %L %s %1$s %%'), ('$$; DROP TABLE canary; $$'),
    ('$body$'), ('$make$'), (E'new\nline\ttab\rreturn'), ('🦀🦀🦀'), ('é'), ('Issue'), ('issue'), ('ISSUE'), ('select'), ('user'), ('e'), ('v'), ('f'),
    ('a.b'), ('"a"."b"'), (' '), ('-- '), ('/*'), ('*/'), ('NULL'), ('1'), ('pg_catalog'), ('entitydb'), ('a(b)'), ('{a,b}'), ('a,b'),
    ('x=y'), (E'\u0001'), (repeat('n', 44)), (repeat('🦀', 11)), ('"'), (''''), ('\'), ('%'), ('@extschema@'), ('delta_1'), (U&'\FEFFbom'),
    ('E''\n'''), ('dataset'), ('OPTIONS (dataset ''entity'')');
-- All that a dataset has, under each of these names, in a schema of that name.
CREATE FUNCTION try_name(name text) RETURNS text LANGUAGE plpgsql AS $t$
DECLARE
    -- The schema has the same name, where it may.
    s text := CASE WHEN name LIKE 'pg\_%' OR name = 'entitydb' THEN 'public' ELSE name END;
    f text := format('%I.%I', s, name);
    e text := format('%I.%I', s, name || '_event');
    -- Content is written as the bytes of the name, so it may not look like an escape.
    id text := replace(name, '\', '/');
    asked text;
    expected text;
    answer text;
    wrong text := '';
BEGIN
    IF s <> 'public' THEN
        EXECUTE format('CREATE SCHEMA %I', s);
    END IF;
    PERFORM set_config('search_path', quote_ident(s) || ', public', true);
    PERFORM public.entity_create(name);
    EXECUTE format('INSERT INTO %s (id, tags, content, created_at) VALUES ($1, ARRAY[$1 || '':'' || $1, ''t''], $1::bytea, $2)', f)
        USING id, '2020-01-01'::timestamptz;
    FOR asked, expected IN
        SELECT CASE q.ending WHEN '' THEN format(q.asked, f, e, id, name)
                ELSE format(q.asked, format('%I.%I', s, name || q.ending), f, id, name) END, q.expected
        FROM (VALUES ('', 'count(*) FROM %s', '1'), ('', 'count(*) FROM %2$s', '4'),
            ('_as_of', 'count(*) FROM %s(''2021-01-01'')', '1'), ('_as_of', 'count(*) FROM %s(''2021-01-01'', ''2020-01-01'')', '0'),
            ('_as_of_ns', 'count(*) FROM %s(1)', '0'), ('_history', 'count(*) FROM %1$s(%3$L)', '4'),
            ('_timeline', 'count(*) FROM %s(''-infinity'')', '4'),
            ('_diff', 'count(*) FROM %1$s(%3$L, ''2019-01-01'', ''2021-01-01'')', '4'),
            ('_facets', 'min(value) = %3$L FROM %1$s(%3$L)', 'true'),
            ('_has_tag', 'bool_and(%1$s(tags, replace(%3$L || '':'' || %3$L, ''*'', ''\*''))) FROM %2$s', 'true'),
            ('_version', 'count(*) FROM %1$s', '1'), ('_tag', 'count(*) FROM %1$s', '2'),
            ('_as_of_snapshot', 'count(*) FROM %1$s(pg_current_snapshot())', '0'), ('_changes', 'count(*) FROM %1$s()', '0'),
            ('_diff_set', 'min(id) = %3$L FROM %1$s(ARRAY[%3$L || '':'' || %3$L], ''2019-01-01'', ''2021-01-01'')', 'true'),
            ('_trend', 'sum(count) FROM %1$s(ARRAY[%3$L || '':'' || %3$L], ''2019-01-01'', ''2021-01-01'', ''1 year'')', '2'),
            ('_trend_by', 'min(value) = %3$L FROM %1$s(%3$L, ''{}'', ''2020-01-01'', ''2021-01-01'', ''1 year'')', 'true'),
            ('_related', 'min(id) = %3$L FROM %1$s(%3$L, %3$L)', 'true'),
            ('_referrers', 'min(id) = %3$L FROM %1$s(%3$L, %3$L)', 'true'),
            ('_namespace', '%1$s(%3$L, ''one'')', '0'),
            ('_import', '%1$s(%3$L, ARRAY[''1748563200000000000|'' || %3$L])', 'changed'),
            ('', 'count(*) FROM %1$s WHERE tags @> ARRAY[%3$L || '':'' || %3$L]', '1'),
            ('_put', '%1$s(%3$L, ''{}'')', 'changed'), ('_tag', '%1$s(%3$L, %3$L)', 'true'), ('_set', '%1$s(%3$L, %3$L, %3$L)', 'true'),
            ('_untag', '%1$s(%3$L, %3$L)', 'true'), ('_clear_content', '%1$s(%3$L)', 'true'),
            ('', 'entitydb.seal(%4$L) >= 0', 'true'), ('', 'count(*) FROM entitydb.verify(%4$L) WHERE NOT ok', '0'),
            ('', 'count(*) FROM entitydb.stat_dataset WHERE dataset = %4$L', '1'),
            ('', 'entitydb.grant_dataset(%4$L, ''regress_"role'')', ''), ('', 'entitydb.revoke_dataset(%4$L, ''regress_"role'')', ''),
            ('_delete', '%1$s(%3$L)', 'true'), ('', 'count(*) FROM %s', '0')) q (ending, asked, expected)
    LOOP
        BEGIN
            EXECUTE 'SELECT ' || asked INTO answer;
        EXCEPTION WHEN OTHERS THEN
            answer := SQLERRM;
        END;
        IF answer IS DISTINCT FROM expected THEN
            wrong := wrong || format(' %s is %s;', asked, answer);
        END IF;
    END LOOP;
    PERFORM public.entity_drop(name);
    IF s <> 'public' THEN
        EXECUTE format('DROP SCHEMA %I', s);
    END IF;
    RETURN CASE wrong WHEN '' THEN 'ok' ELSE wrong END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$t$;
CREATE ROLE "regress_""role";
SELECT n, try_name(name), left(name, 30) FROM names ORDER BY n;
SELECT count(*) FROM canary;
SELECT dataset FROM entitydb.stat_dataset;
SELECT count(*) FROM pg_namespace n JOIN names ON names.name = n.nspname WHERE nspname NOT IN ('pg_catalog', 'entitydb');
-- Too long is said, and nothing is left; nothing is truncated to fit.
SELECT entity_create(repeat('n', 45));
SELECT entity_create(repeat('é', 23));
CREATE FOREIGN TABLE long (id text) SERVER entitydb OPTIONS (dataset 'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn');
-- Names that differ in case are different; the same name again is not.
SELECT entity_create('Case'), entity_create('case');
INSERT INTO "Case" (id) VALUES ('upper');
SELECT (SELECT count(*) FROM "Case"), (SELECT count(*) FROM "case");
SELECT "Case_tag"('upper', 'x'), case_put('lower', '{}');
SELECT entity_create('case');
SELECT entity_drop('CASE');
SELECT entity_drop('Case'), entity_drop('case');
-- Names that meet in a face or a function of another dataset.
SELECT entity_create('x');
SELECT entity_create('x_event');
SELECT entity_create('x_diff');
SELECT entity_drop('x_diff');
SELECT entity_drop('x');
SELECT entity_create('x_event');
SELECT entity_create('x');
SELECT entity_drop('x_event');
CREATE FUNCTION x_as_of(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT entity_create('x');
DROP FUNCTION x_as_of(text);
CREATE TABLE x (a int);
SELECT entity_create('x');
DROP TABLE x;
CREATE TYPE x_event AS ENUM ('a');
SELECT entity_create('x');
DROP TYPE x_event;
SELECT c.relname FROM pg_class c WHERE c.relname LIKE 'x%' AND c.relnamespace = 'public'::regnamespace;
SELECT p.proname FROM pg_proc p WHERE p.proname LIKE 'x\_%' AND p.pronamespace = 'public'::regnamespace;
SELECT dataset FROM entitydb.stat_dataset;
-- In a schema that is searched before pg_catalog, with traps in it; and where nothing is in the path.
CREATE SCHEMA trap;
CREATE FUNCTION trap.trap(text, text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'trapped: % %', $1, $2;
    RETURN false;
END
$$;
CREATE FUNCTION trap.trap(bytea, bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'trapped: % %', $1, $2;
    RETURN false;
END
$$;
CREATE FUNCTION trap.trap(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    RAISE WARNING 'trapped: % %', $1, $2;
    RETURN false;
END
$$;
CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.trap);
CREATE OPERATOR trap.= (LEFTARG = bytea, RIGHTARG = bytea, FUNCTION = trap.trap);
CREATE OPERATOR trap.<> (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.trap);
CREATE OPERATOR trap.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = trap.trap);
CREATE OPERATOR trap.> (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = trap.trap);
CREATE FUNCTION trap.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT ''trapped''';
CREATE FUNCTION trap.count(text) RETURNS bigint LANGUAGE sql AS 'SELECT -1::bigint';
CREATE FUNCTION trap.has_tag(text[], text) RETURNS boolean LANGUAGE sql AS 'SELECT NULL::boolean';
CREATE DOMAIN trap.timestamptz AS int;
CREATE DOMAIN trap.text AS int;
CREATE DOMAIN trap.bytea AS int;
CREATE DOMAIN trap.regclass AS int;
CREATE DOMAIN trap.oid AS int;
CREATE DOMAIN trap.name AS int;
CREATE COLLATION trap."C" (provider = icu, locale = 'en');
CREATE TEMP TABLE entity (id text);
CREATE TEMP TABLE pg_class (oid int);
CREATE TEMP TABLE dataset (id int);
SET search_path = trap, pg_temp, pg_catalog, public;
SELECT public.entity_create('caught');
SELECT caught_put('a', '{x:1}', 'one', at => '2020-01-01'), caught_put('a', '{y}', 'two', at => '2021-01-01');
SELECT id, tags FROM caught_as_of('2020-06-01');
SELECT op, tag FROM caught_history('a');
SELECT op, tag FROM caught_timeline('2020-06-01');
SELECT op, tag, old_content, new_content FROM caught_diff('a', '2020-06-01', '2021-06-01');
SELECT * FROM caught_facets('x', at => '2020-06-01');
SELECT caught_tag('a', 'z'), caught_untag('a', 'z'), caught_set('a', 'n', '1'), caught_clear_content('a'), caught_has_tag('{a}', 'a');
SELECT entitydb.seal_all() > 0;
SELECT public.entity_drop('caught');
SELECT public.entity_put('e', '{x}');
SELECT pg_catalog.count(*) FROM public.entity;
SELECT pg_catalog.count(*) FROM entity;
SET search_path = '';
SELECT public.entity_create('nowhere');
SELECT public.entity_put('e', '{y}'), public.entity_tag('e', 'z');
SELECT id, tags FROM public.entity_as_of(pg_catalog.now() + '1 day');
SELECT tag FROM public.entity_history('e') ORDER BY seq;
RESET search_path;
DROP TABLE pg_temp.entity, pg_temp.pg_class, pg_temp.dataset;
SET client_min_messages = warning;
DROP SCHEMA trap CASCADE;
RESET client_min_messages;
-- Columns and namespaces of hostile names.
CREATE FUNCTION try_column(name text) RETURNS text LANGUAGE plpgsql AS $t$
DECLARE
    given text := E'a"b''c\\d %s $$';
    found text;
    tagged boolean;
BEGIN
    EXECUTE format('CREATE FOREIGN TABLE columned (id text, %1$I text, other text[] OPTIONS (namespace %2$L)) SERVER entitydb'
        ' OPTIONS (dataset ''columned'')', name, name || '2');
    EXECUTE format('INSERT INTO columned (id, %I, other) VALUES ($1, $2, ARRAY[$2])', name) USING name, given;
    EXECUTE format('SELECT %1$I FROM columned WHERE %1$I = $1 AND other @> ARRAY[$1]', name) INTO found USING given;
    EXECUTE 'CREATE FOREIGN TABLE tagged (id text, tags text[]) SERVER entitydb OPTIONS (dataset ''columned'')';
    EXECUTE 'SELECT tags @> $1 FROM tagged' INTO tagged USING ARRAY[name || ':' || given, name || '2:' || given];
    EXECUTE format('UPDATE columned SET %1$I = NULL WHERE %1$I LIKE ''a%%''', name);
    PERFORM entity_drop('columned');
    RETURN CASE WHEN found = given AND tagged THEN 'ok' ELSE found END;
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$t$;
SELECT n, try_column(name), left(name, 30) FROM names WHERE name NOT IN ('a.b') ORDER BY n;
-- A face that is renamed, or whose schema is, keeps its dataset; functions name the face, and are made again.
CREATE SCHEMA "old ""s";
SET search_path = "old ""s", public;
SELECT entity_create('kept');
SELECT kept_put('a', '{x}', at => '2020-01-01');
ALTER SCHEMA "old ""s" RENAME TO "new ""s";
SET search_path = "new ""s", public;
SELECT id FROM kept;
SELECT id FROM kept_as_of('2021-01-01');
SELECT kept_tag('a', 'y');
CREATE VIEW kept_view AS SELECT 1 AS one WHERE kept_tag('a', 'x') IS NULL;
SELECT entitydb.make_functions('kept');
SELECT id FROM kept_as_of('2021-01-01');
SELECT kept_tag('a', 'z'), (SELECT count(*) FROM kept_history('a')), (SELECT count(*) FROM kept_related('a', 'x'));
ALTER FOREIGN TABLE kept RENAME TO "re""named";
SELECT id FROM "re""named";
SELECT entitydb.make_functions('"re""named"');
SELECT id FROM "re""named_as_of"('2021-01-01');
SELECT "re""named_tag"('a', 'y');
ALTER FOREIGN TABLE "re""named" SET SCHEMA public;
SELECT id, tags FROM public."re""named";
-- What was made under all of its names goes with it.
DROP VIEW kept_view;
SELECT entity_drop('kept');
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.proname LIKE 'kept%' OR p.proname LIKE 're"named%';
DROP ROLE "regress_""role";
