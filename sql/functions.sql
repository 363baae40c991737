-- The functions of a dataset, the calls that make and drop one, and exact helpers for nanoseconds.
-- Functions that return sets have one string body with qualified names, so that they inline and what the caller adds
-- reaches one Foreign Scan.

CREATE FUNCTION entitydb.has_tag(tags text[], pattern text) RETURNS boolean
LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'has_tag_wrapper';
COMMENT ON FUNCTION entitydb.has_tag(text[], text) IS 'internal: whether a tag matches; a final unescaped * is a wildcard, \* a star';

CREATE FUNCTION entitydb.facets(face regclass, namespace text, tags text[], at timestamptz)
RETURNS TABLE (value text, count bigint)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'facets_wrapper';
COMMENT ON FUNCTION entitydb.facets(regclass, text, text[], timestamptz) IS 'internal: the values of a namespace, largest count first';

CREATE FUNCTION entitydb.check_face(face regclass) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'check_face_wrapper';
COMMENT ON FUNCTION entitydb.check_face(regclass)
IS 'internal: raises unless the columns and the owner of a face are right; makes its dataset if there is none';

-- What is wrong with a face shall be said when it is made or altered, and not when it is first used.
CREATE FUNCTION entitydb.check_faces() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    face regclass;
BEGIN
    IF tg_tag IN ('CREATE SERVER', 'ALTER SERVER') THEN
        PERFORM FROM pg_event_trigger_ddl_commands() d
        JOIN pg_foreign_server s ON s.oid = d.objid AND d.classid = 'pg_foreign_server'::regclass
        JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname = 'entitydb';
        IF NOT FOUND THEN
            RETURN;
        END IF;
        -- Whoever a dataset is reassigned to needs USAGE on the wrapper, so everybody has it; servers are not theirs to make.
        IF tg_tag = 'CREATE SERVER' THEN
            IF NOT pg_has_role((SELECT e.extowner FROM pg_extension e WHERE e.extname = 'entitydb'), 'USAGE') THEN
                RAISE EXCEPTION 'permission denied for foreign-data wrapper entitydb'
                    USING ERRCODE = 'insufficient_privilege', HINT = 'Use server entitydb, or entitydb_log for events.';
            END IF;
            RETURN;
        END IF;
        IF EXISTS (SELECT FROM entitydb.dataset d WHERE NOT EXISTS (SELECT FROM pg_foreign_server s WHERE s.srvname = d.guard)) THEN
            RAISE EXCEPTION 'a server that guards a dataset cannot be renamed' USING ERRCODE = 'feature_not_supported';
        END IF;
        RETURN;
    END IF;
    -- Nothing of schema entitydb is named unless there is a face: who has no right to it may still alter tables.
    FOR face IN
        -- What is altered in a parent is altered in its children.
        WITH RECURSIVE altered (oid) AS (
            SELECT d.objid FROM pg_event_trigger_ddl_commands() d WHERE d.classid = 'pg_class'::regclass
            UNION SELECT i.inhrelid FROM altered a JOIN pg_inherits i ON i.inhparent = a.oid
        )
        SELECT t.ftrelid FROM altered a
        JOIN pg_foreign_table t ON t.ftrelid = a.oid
        JOIN pg_foreign_server s ON s.oid = t.ftserver
        JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname = 'entitydb'
    LOOP
        PERFORM entitydb.check_face(face);
    END LOOP;
END
$$;
COMMENT ON FUNCTION entitydb.check_faces() IS 'internal: says what is wrong with a face, or a server, when it is made or altered';
CREATE EVENT TRIGGER entitydb_faces ON ddl_command_end
WHEN TAG IN ('CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'ALTER TABLE', 'CREATE SERVER', 'ALTER SERVER')
EXECUTE FUNCTION entitydb.check_faces();

CREATE FUNCTION entitydb.remove_dataset(name text) RETURNS boolean
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'remove_dataset_wrapper';
COMMENT ON FUNCTION entitydb.remove_dataset(text) IS 'internal: drops a dataset that has no faces; for those who administer it';

-- What is exact to the nanosecond.

CREATE FUNCTION entitydb.ns(ts timestamptz) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF ts NOT BETWEEN '1678-01-01 00:00:00+00'::timestamptz AND '2261-12-31 23:59:59.999999+00'::timestamptz THEN
        RAISE EXCEPTION 'timestamp % is out of range', ts
            USING ERRCODE = 'datetime_field_overflow', HINT = 'Instants lie between the years 1678 and 2261.';
    END IF;
    RETURN (extract(epoch FROM ts) * 1000000)::bigint * 1000;
END
$$;
COMMENT ON FUNCTION entitydb.ns(timestamptz) IS 'nanoseconds since 1970-01-01 UTC';

CREATE FUNCTION entitydb.ns(ts text) RETURNS bigint
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    digits text := substring(ts FROM '\.(\d{7,})');
BEGIN
    IF length(digits) > 9 THEN
        RAISE EXCEPTION 'fraction of "%" has % digits, the limit is 9', ts, length(digits)
            USING ERRCODE = 'invalid_datetime_format';
    END IF;
    RETURN entitydb.ns(regexp_replace(ts, '(\.\d{6})\d+', '\1')::timestamptz)
        + coalesce(rpad(substr(digits, 7), 3, '0')::int, 0);
END
$$;
COMMENT ON FUNCTION entitydb.ns(text) IS 'nanoseconds since 1970-01-01 UTC of a time with up to nine digits of fraction';

CREATE FUNCTION entitydb.ts(ns bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT '1970-01-01 00:00:00+00'::timestamptz
        + div($1::numeric - mod(mod($1::numeric, 1000000000) + 1000000000, 1000000000), 1000000000)::bigint
            * interval '1 second'
        + div(mod(mod($1::numeric, 1000000000) + 1000000000, 1000000000), 1000)::int * interval '1 microsecond'
$$;
COMMENT ON FUNCTION entitydb.ts(bigint) IS 'the microsecond that an instant in nanoseconds lies in';

CREATE FUNCTION entitydb.ns_text(ns bigint) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT to_char(entitydb.ts($1) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.')
        || lpad(mod(mod($1::numeric, 1000000000) + 1000000000, 1000000000)::text, 9, '0') || '+00'
$$;
COMMENT ON FUNCTION entitydb.ns_text(bigint) IS 'an instant in UTC with nine digits of fraction';

-- The functions of one face.

-- What make_functions makes: the ending of each name with its argument types, in which $id and $content stand for those of
-- the face, and whether it reads the event face.
CREATE FUNCTION entitydb.function_endings(OUT ending text, OUT arguments text, OUT reads_events boolean)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    VALUES ('_as_of', 'timestamptz', false), ('_as_of', 'timestamptz, timestamptz', false), ('_as_of_ns', 'bigint', false),
        ('_snapshot', '', false), ('_as_of_snapshot', 'pg_snapshot, timestamptz', false), ('_changes', 'pg_snapshot', true),
        ('_history', '$id, timestamptz, timestamptz', true), ('_timeline', 'timestamptz, timestamptz', true),
        ('_diff', '$id, timestamptz, timestamptz', false), ('_put', '$id, text[], $content, timestamptz', false),
        ('_tag', '$id, text, timestamptz', false), ('_untag', '$id, text, timestamptz', false),
        ('_set', '$id, text, text, timestamptz', false), ('_delete', '$id, timestamptz', false),
        ('_clear_content', '$id, timestamptz', false),
        ('_has_tag', 'text[], text', false), ('_facets', 'text, text[], timestamptz', false),
        ('_namespace', 'text, text', false), ('_trend', 'text[], timestamptz, timestamptz, interval', false),
        ('_trend_by', 'text, text[], timestamptz, timestamptz, interval', false),
        ('_diff_set', 'text[], timestamptz, timestamptz', false), ('_related', '$id, text, timestamptz', false),
        ('_referrers', '$id, text, timestamptz', false), ('_import', '$id, text[], $content', false)
$$;
COMMENT ON FUNCTION entitydb.function_endings() IS 'internal: what make_functions makes';

-- Whether a relation has all these columns; NULL has none.
CREATE FUNCTION entitydb.has_columns(relation regclass, columns name[]) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT count(*) = cardinality($2) FROM pg_attribute a
    WHERE a.attrelid = $1 AND a.attname = ANY ($2) AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION entitydb.has_columns(regclass, name[]) IS 'internal: whether a relation has all these columns';

-- The functions that make_functions made for a face, by the types of its ids and contents. What bears such a name and is
-- somebody else's, or does something else, is none: whoever drops the dataset may be allowed to drop that too.
CREATE FUNCTION entitydb.made_functions(face regclass) RETURNS SETOF regprocedure
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    WITH face AS (
        SELECT c.relname, c.reltype, c.relowner, n.nspname
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1
    ),
    named AS (
        SELECT f.nspname, f.relname::text AS name, f.relowner AS maker FROM face f
        -- Those that were made by another role, or before the face was renamed or moved, with the name of then.
        UNION SELECT n.nspname, left(p.proname, -length('_as_of_ns')), p.proowner FROM face f
        JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = f.reltype AND d.classid = 'pg_proc'::regclass
        JOIN pg_proc p ON p.oid = d.objid AND p.proname LIKE '%\_as\_of\_ns' AND p.prosrc LIKE '%entitydb.at\_ns(%'
        JOIN pg_namespace n ON n.oid = p.pronamespace
    )
    SELECT DISTINCT made.oid FROM named
    CROSS JOIN entitydb.function_endings() e
    CROSS JOIN LATERAL to_regprocedure(format('%I.%I(%s)', named.nspname, named.name || e.ending,
        replace(replace(e.arguments, '$id', coalesce(entitydb.type_of($1, 'id'), 'text')),
            '$content', coalesce(entitydb.type_of($1, 'content'), 'bytea')))) made (oid)
    JOIN pg_proc p ON p.oid = made.oid AND p.proowner = named.maker
        AND (p.prosrc LIKE '%entitydb.%' OR p.prosrc LIKE '%OPERATOR(pg\_catalog.%')
$$;
COMMENT ON FUNCTION entitydb.made_functions(regclass) IS 'internal: the functions that make_functions made for a face';

CREATE FUNCTION entitydb.make_functions(face regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $make$
DECLARE
    s text;
    n text;
    f text;  -- the face, qualified and quoted
    v text;  -- its event face, if there is one beside it
    tags text;  -- what a row's tags and content are; a face may lack any column
    content text;
    id_type text := coalesce(entitydb.type_of(face, 'id'), 'text');
    content_type text := coalesce(entitydb.type_of(face, 'content'), 'bytea');
    -- An id as text, what an id is compared with, and content as bytes; contents compare by their bytes.
    as_text text := CASE id_type WHEN 'text' THEN '' ELSE '::pg_catalog.text' END;
    as_id text := CASE id_type WHEN 'text' THEN ' COLLATE pg_catalog."C"' ELSE '' END;
    as_bytes text := CASE content_type WHEN 'bytea' THEN '$3' ELSE 'pg_catalog.convert_to($3::pg_catalog.text, ''UTF8'')' END;
    as_compared text := CASE content_type WHEN 'bytea' THEN '' ELSE '::pg_catalog.text COLLATE pg_catalog."C"' END;
    longest int := (SELECT max(length(ending)) FROM entitydb.function_endings());
    taken regprocedure;
BEGIN
    SELECT ns.nspname, c.relname INTO s, n
    FROM pg_class c
    JOIN pg_namespace ns ON ns.oid = c.relnamespace
    JOIN pg_foreign_table t ON t.ftrelid = c.oid
    JOIN pg_foreign_server srv ON srv.oid = t.ftserver
    JOIN pg_foreign_data_wrapper w ON w.oid = srv.srvfdw
    WHERE c.oid = face AND w.fdwname = 'entitydb'
        AND coalesce((SELECT o.option_value FROM pg_options_to_table(t.ftoptions) o WHERE o.option_name = 'shape'),
            CASE srv.srvname WHEN 'entitydb_log' THEN 'event' ELSE 'state' END) = 'state';
    IF n IS NULL THEN
        RAISE EXCEPTION '"%" is not a state face', face USING ERRCODE = 'wrong_object_type';
    END IF;
    -- The functions belong to the caller, who may replace them: those that bear a face's name are for its owner to make.
    IF NOT pg_has_role((SELECT c.relowner FROM pg_class c WHERE c.oid = face), 'USAGE') THEN
        RAISE EXCEPTION 'must be owner of foreign table %', n USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- Nor are those that somebody else made first: who owns a function may change what it does.
    SELECT p.oid::regprocedure INTO taken
    FROM pg_class c
    JOIN pg_proc p ON p.pronamespace = c.relnamespace AND NOT pg_has_role(p.proowner, c.relowner, 'USAGE')
    JOIN entitydb.function_endings() e ON p.proname = (n || e.ending)::name
    WHERE c.oid = face ORDER BY p.oid::regprocedure::text COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'function % already exists and belongs to another role', taken
            USING ERRCODE = 'insufficient_privilege', HINT = 'Drop it first.';
    END IF;
    IF octet_length(n) + longest > 63 THEN
        RAISE EXCEPTION 'face name has % bytes, the limit is %', octet_length(n), 63 - longest USING ERRCODE = 'name_too_long';
    END IF;
    f := format('%I.%I', s, n);
    -- What bears the name of the event face counts only if it shows the events of the same dataset.
    SELECT format('%I.%I', s, c.relname) INTO v
    FROM pg_class c
    JOIN pg_foreign_table t ON t.ftrelid = c.oid
    JOIN pg_foreign_server srv ON srv.oid = t.ftserver
    JOIN pg_foreign_data_wrapper w ON w.oid = srv.srvfdw
    JOIN pg_options_to_table(t.ftoptions) d ON d.option_name = 'dataset'
    WHERE c.relnamespace = (SELECT f.relnamespace FROM pg_class f WHERE f.oid = face) AND c.relname = (n || '_event')::name
        AND w.fdwname = 'entitydb' AND d.option_value = (
            SELECT o.option_value FROM pg_foreign_table f CROSS JOIN pg_options_to_table(f.ftoptions) o
            WHERE f.ftrelid = face AND o.option_name = 'dataset')
        AND coalesce((SELECT o.option_value FROM pg_options_to_table(t.ftoptions) o WHERE o.option_name = 'shape'),
            CASE srv.srvname WHEN 'entitydb_log' THEN 'event' ELSE 'state' END) = 'event';
    tags := CASE WHEN entitydb.has_columns(face, '{tags}') THEN 'e.tags' ELSE 'NULL::pg_catalog.text[]' END;
    content := CASE WHEN entitydb.has_columns(face, '{content}') THEN 'e.content' ELSE 'NULL::pg_catalog.bytea' END;

    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(ts timestamptz) RETURNS SETOF %s LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L',
        s, n || '_as_of', f, format('SELECT e.* FROM %s e WHERE entitydb.at(e.tableoid, $1, NULL)', f));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(ts timestamptz, system timestamptz) RETURNS SETOF %s'
        ' LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L',
        s, n || '_as_of', f,
        format('SELECT e.* FROM %s e WHERE entitydb.at(e.tableoid, $1, $2) AND $2 IS NOT NULL', f));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(ts_ns bigint) RETURNS SETOF %s LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L',
        s, n || '_as_of_ns', f, format('SELECT e.* FROM %s e WHERE entitydb.at_ns(e.tableoid, $1)', f));
    PERFORM entitydb.make_feed(s, n, f, v);

    IF entitydb.has_columns(to_regclass(v), '{id,ts,ts_ns,seq}') THEN
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, since timestamptz DEFAULT ''-infinity'','
            ' until timestamptz DEFAULT ''infinity'') RETURNS SETOF %s LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L',
            s, n || '_history', id_type, v,
            format('SELECT v.* FROM %s v WHERE v.id OPERATOR(pg_catalog.=) $1%s'
                ' AND v.ts OPERATOR(pg_catalog.>) $2 AND v.ts OPERATOR(pg_catalog.<=) $3 ORDER BY v.ts_ns, v.seq', v, as_id));
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(since timestamptz, until timestamptz DEFAULT ''infinity'')'
            ' RETURNS SETOF %s LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L',
            s, n || '_timeline', v,
            format('SELECT v.* FROM %s v WHERE v.ts OPERATOR(pg_catalog.>) $1'
                ' AND v.ts OPERATOR(pg_catalog.<=) $2 ORDER BY v.ts_ns, v.id, v.seq', v));
    END IF;

    IF entitydb.has_columns(face, '{id}') THEN
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, t1 timestamptz, t2 timestamptz)'
            ' RETURNS TABLE (op text, tag text, old_content %4$s, new_content %4$s)'
            ' LANGUAGE sql STABLE PARALLEL RESTRICTED AS %5$L', s, n || '_diff', id_type, content_type, format($body$
WITH old AS MATERIALIZED (
    SELECT %2$s AS tags, %3$s AS content FROM %1$s e WHERE entitydb.at(e.tableoid, $2, NULL)
        AND e.id OPERATOR(pg_catalog.=) $1%4$s
), new AS MATERIALIZED (
    SELECT %2$s AS tags, %3$s AS content FROM %1$s e WHERE entitydb.at(e.tableoid, $3, NULL)
        AND e.id OPERATOR(pg_catalog.=) $1%4$s
), change (part, op, tag, old_content, new_content) AS (
    SELECT 1, CASE WHEN EXISTS (SELECT FROM new) THEN 'create' ELSE 'delete' END, NULL, NULL::pg_catalog.%5$s, NULL::pg_catalog.%5$s
    WHERE EXISTS (SELECT FROM old) OPERATOR(pg_catalog.<>) EXISTS (SELECT FROM new)
    UNION ALL
    SELECT 2, CASE WHEN n.tag IS NULL THEN 'retract' ELSE 'assert' END, coalesce(o.tag, n.tag), NULL, NULL
    FROM (SELECT pg_catalog.unnest(old.tags) FROM old) o (tag)
    FULL JOIN (SELECT pg_catalog.unnest(new.tags) FROM new) n (tag) ON o.tag OPERATOR(pg_catalog.=) n.tag
    WHERE o.tag IS NULL OR n.tag IS NULL
    UNION ALL
    SELECT 3, 'content', NULL, (SELECT old.content FROM old), (SELECT new.content FROM new)
    WHERE NOT coalesce((SELECT old.content%6$s FROM old) OPERATOR(pg_catalog.=) (SELECT new.content%6$s FROM new),
        (SELECT old.content FROM old) IS NULL AND (SELECT new.content FROM new) IS NULL)
)
SELECT c.op, c.tag, c.old_content, c.new_content FROM change c
WHERE $2 IS NOT NULL AND $3 IS NOT NULL ORDER BY c.part, c.tag COLLATE pg_catalog."C"
$body$, f, tags, content, as_id, content_type, as_compared));
    END IF;

    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, tags text[], content %s DEFAULT NULL, at timestamptz DEFAULT NULL)'
        ' RETURNS text LANGUAGE sql AS %L', s, n || '_put', id_type, content_type,
        format('SELECT entitydb.put(%L::pg_catalog.regclass, $1%s, $2, %s, $4)', f, as_text, as_bytes));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, tag text, at timestamptz DEFAULT NULL) RETURNS boolean LANGUAGE sql AS %L',
        s, n || '_tag', id_type, format('SELECT entitydb.tag(%L::pg_catalog.regclass, $1%s, $2, $3)', f, as_text));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, tag text, at timestamptz DEFAULT NULL) RETURNS boolean LANGUAGE sql AS %L',
        s, n || '_untag', id_type, format('SELECT entitydb.untag(%L::pg_catalog.regclass, $1%s, $2, $3)', f, as_text));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, namespace text, value text, at timestamptz DEFAULT NULL)'
        ' RETURNS boolean LANGUAGE sql AS %L', s, n || '_set', id_type,
        format('SELECT entitydb.set(%L::pg_catalog.regclass, $1%s, $2, $3, $4)', f, as_text));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, at timestamptz DEFAULT NULL) RETURNS boolean LANGUAGE sql AS %L',
        s, n || '_delete', id_type, format('SELECT entitydb.delete(%L::pg_catalog.regclass, $1%s, $2)', f, as_text));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, at timestamptz DEFAULT NULL) RETURNS boolean LANGUAGE sql AS %L',
        s, n || '_clear_content', id_type, format('SELECT entitydb.clear_content(%L::pg_catalog.regclass, $1%s, $2)', f, as_text));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(tags text[], pattern text) RETURNS boolean'
        ' LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L', s, n || '_has_tag', 'SELECT entitydb.has_tag($1, $2)');
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(namespace text, tags text[] DEFAULT ''{}'', at timestamptz DEFAULT NULL)'
        ' RETURNS TABLE (value text, count bigint) LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L',
        s, n || '_facets',
        format('SELECT f.value, f.count FROM entitydb.facets(%L::pg_catalog.regclass, $1, $2, $3) f', f));
    PERFORM entitydb.make_questions(face, s, n);
    PERFORM entitydb.comment_functions(s, n);
END
$make$;
COMMENT ON FUNCTION entitydb.make_functions(regclass) IS 'makes the functions of a state face beside it, or makes them anew where the face or its schema was renamed; for its owner';

-- Datasets with their faces.

-- columns are those beside the ones that every dataset has, as column_definitions gives them: names and definitions.
CREATE FUNCTION entitydb.create_in(schema name, name text, columns text[], id regtype) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken name;
    face regclass;
    id_type text := format_type(id, NULL) || CASE WHEN id = 'text'::regtype THEN ' COLLATE "C"' ELSE '' END;
    content text := coalesce((SELECT c[2] FROM entitydb.pairs(columns) c WHERE c[1] = 'content'), 'content bytea');
    state text := (SELECT coalesce(string_agg(', ' || c[2], '' ORDER BY n), '') FROM entitydb.pairs(columns) WITH ORDINALITY p (c, n));
    -- What a state face alone has has no place in versions.
    version text := (SELECT coalesce(string_agg(', ' || c[2], '' ORDER BY n), '') FROM entitydb.pairs(columns) WITH ORDINALITY p (c, n)
        WHERE c[1] <> ALL ('{version,created_at_ns,updated_at_ns}'));
BEGIN
    IF name IS NULL OR name = '' THEN
        RAISE EXCEPTION 'name must not be %', CASE WHEN name IS NULL THEN 'null' ELSE 'empty' END
            USING ERRCODE = CASE WHEN name IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END;
    END IF;
    IF octet_length(name) > 44 THEN
        RAISE EXCEPTION 'dataset name has % bytes, the limit is 44', octet_length(name) USING ERRCODE = 'name_too_long';
    END IF;
    IF EXISTS (SELECT FROM entitydb.dataset d WHERE d.name = create_in.name COLLATE "C") THEN
        RAISE EXCEPTION 'dataset "%" already exists', name USING ERRCODE = 'duplicate_object';
    END IF;
    -- Not even one with other arguments: a call with untyped literals might mean either.
    SELECT p.proname INTO taken
    FROM pg_proc p JOIN entitydb.function_endings() e ON p.proname = (name || e.ending)::name
    WHERE p.pronamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = schema) LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'function "%" already exists in schema "%"', taken, schema USING ERRCODE = 'duplicate_function';
    END IF;
    EXECUTE format('CREATE FOREIGN TABLE %I.%I (id %s, tags text[] COLLATE "C"%s,'
        ' created_at timestamptz, updated_at timestamptz) SERVER entitydb OPTIONS (dataset %L)', schema, name, id_type, state, name);
    face := format('%I.%I', schema, name)::regclass;
    -- The event trigger has made the dataset, unless the session has those switched off.
    PERFORM entitydb.check_face(face);
    EXECUTE format('CREATE FOREIGN TABLE %I.%I (id %s, ts timestamptz, ts_ns bigint, op text COLLATE "C",'
        ' tag text COLLATE "C", %s, recorded_at timestamptz, tx xid8, seq bigint)'
        ' SERVER entitydb_log OPTIONS (dataset %L)', schema, name || '_event', id_type, content, name);
    EXECUTE format('CREATE FOREIGN TABLE %I.%I (id %s, tags text[] COLLATE "C"%s,'
        ' valid_from timestamptz, valid_to timestamptz, version bigint)'
        ' SERVER entitydb OPTIONS (dataset %L, shape ''version'')', schema, name || '_version', id_type, version, name);
    EXECUTE format('CREATE FOREIGN TABLE %I.%I (id %s, tag text COLLATE "C",'
        ' valid_from timestamptz, valid_to timestamptz)'
        ' SERVER entitydb OPTIONS (dataset %L, shape ''tag'')', schema, name || '_tag', id_type, name);
    PERFORM entitydb.set_cardinality(d.id, n, true)
    FROM entitydb.dataset d CROSS JOIN entitydb.scalar_namespaces(face) n WHERE d.name = create_in.name COLLATE "C";
    PERFORM entitydb.make_functions(face);
    PERFORM entitydb.comment_faces(schema, name);
END
$$;
COMMENT ON FUNCTION entitydb.create_in(name, text, text[], regtype) IS 'internal: what entity_create does, in a schema';

-- Names of types are looked up in the caller's search_path.
CREATE FUNCTION @extschema@.entity_create(name text, columns text DEFAULT 'content bytea', id regtype DEFAULT 'text') RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
    IF pg_catalog.current_schema() IS NULL THEN
        RAISE EXCEPTION 'no schema has been selected to create in' USING ERRCODE = 'invalid_schema_name';
    END IF;
    IF $2 IS NULL OR $3 IS NULL THEN
        RAISE EXCEPTION '% must not be null', CASE WHEN $2 IS NULL THEN 'columns' ELSE 'id' END
            USING ERRCODE = 'null_value_not_allowed';
    END IF;
    PERFORM entitydb.create_in(pg_catalog.current_schema(), $1,
        ARRAY(SELECT d.pair FROM entitydb.column_definitions($2) WITH ORDINALITY c (name, type, definition, n)
            CROSS JOIN LATERAL (VALUES (1, c.name), (2, c.definition)) d (part, pair)
            ORDER BY c.n, d.part), $3);
END
$$;
COMMENT ON FUNCTION @extschema@.entity_create(text, text, regtype)
IS 'makes a dataset with its faces and functions in the current schema; columns is a list as in CREATE TABLE';

-- Drops one object, also one that CREATE EXTENSION made.
CREATE FUNCTION entitydb.drop_object(class oid, object oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type text;
    identity text;
BEGIN
    SELECT i.type, i.identity INTO type, identity FROM pg_identify_object(class, object, 0) i;
    -- Somebody else dropped it meanwhile.
    IF identity IS NULL THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM pg_depend d WHERE d.classid = class AND d.objid = object AND d.deptype = 'e') THEN
        EXECUTE 'ALTER EXTENSION entitydb DROP ' || type || ' ' || identity;
    END IF;
    EXECUTE 'DROP ' || type || ' IF EXISTS ' || identity;
END
$$;
COMMENT ON FUNCTION entitydb.drop_object(oid, oid) IS 'internal: drops an object, also one of the extension';

CREATE FUNCTION @extschema@.entity_drop(name text, if_exists boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard name;
    faces oid[];
    face oid;
    made regprocedure;
BEGIN
    IF name IS NULL THEN
        RAISE EXCEPTION 'name must not be null' USING ERRCODE = 'not_null_violation';
    END IF;
    SELECT d.guard INTO guard FROM entitydb.dataset d WHERE d.name = entity_drop.name COLLATE "C";
    IF NOT FOUND THEN
        IF if_exists THEN
            RAISE NOTICE 'dataset "%" does not exist, skipping', name;
            RETURN;
        END IF;
        RAISE EXCEPTION 'dataset "%" does not exist', name USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT entitydb.administers(guard) THEN
        RAISE EXCEPTION 'permission denied for dataset "%"', name
            USING ERRCODE = 'insufficient_privilege', HINT = 'Only those who administer it may drop it.';
    END IF;
    faces := ARRAY(
        SELECT t.ftrelid
        FROM pg_foreign_table t
        JOIN pg_foreign_server srv ON srv.oid = t.ftserver
        JOIN pg_foreign_data_wrapper w ON w.oid = srv.srvfdw
        WHERE w.fdwname = 'entitydb'
            AND EXISTS (SELECT FROM pg_options_to_table(t.ftoptions) o
                WHERE o.option_name = 'dataset' AND o.option_value = entity_drop.name)
    );
    -- Functions return rows of faces, of any of them, so they all go first.
    FOREACH face IN ARRAY faces LOOP
        FOR made IN SELECT entitydb.made_functions(face::regclass) LOOP
            PERFORM entitydb.drop_object('pg_proc'::regclass, made);
        END LOOP;
    END LOOP;
    FOREACH face IN ARRAY faces LOOP
        PERFORM entitydb.drop_object('pg_class'::regclass, face);
    END LOOP;
    IF NOT entitydb.remove_dataset(name) AND NOT if_exists THEN
        RAISE EXCEPTION 'dataset "%" does not exist', name USING ERRCODE = 'undefined_object';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.entity_drop(text, boolean) IS 'drops a dataset with its faces and functions';

CREATE VIEW entitydb.stat_segment WITH (security_barrier) AS
SELECT d.name AS dataset, s.name,
    CASE s.kind WHEN 1 THEN 'run' WHEN 2 THEN 'tile' WHEN 3 THEN 'content' WHEN 4 THEN 'ids' END AS kind,
    s.bytes, s.events, s.entities, s.min_ts, s.max_ts, s.min_tx, s.max_tx, s.min_ordinal, s.max_ordinal
FROM entitydb.segment s
JOIN entitydb.dataset d ON d.id OPERATOR(pg_catalog.=) s.dataset
WHERE entitydb.administers(d.guard) OR pg_catalog.pg_has_role('pg_read_all_stats'::name, 'USAGE'::text)
ORDER BY s.dataset, s.position;
COMMENT ON VIEW entitydb.stat_segment IS 'one row a segment, oldest first; events counts what the kind holds: events, contents or ids; for those who administer the dataset, and pg_read_all_stats';
COMMENT ON COLUMN entitydb.stat_segment.dataset IS 'the dataset';
COMMENT ON COLUMN entitydb.stat_segment.name IS 'the file, under entitydb/ in the data directory';
COMMENT ON COLUMN entitydb.stat_segment.kind IS 'run, tile, content or ids';
COMMENT ON COLUMN entitydb.stat_segment.bytes IS 'the length of the file';
COMMENT ON COLUMN entitydb.stat_segment.events IS 'how many events, contents or ids it holds';
COMMENT ON COLUMN entitydb.stat_segment.entities IS 'how many entities they are of';
COMMENT ON COLUMN entitydb.stat_segment.min_ts IS 'the first instant in it, in nanoseconds since 1970 UTC';
COMMENT ON COLUMN entitydb.stat_segment.max_ts IS 'the last instant in it';
COMMENT ON COLUMN entitydb.stat_segment.min_tx IS 'the first transaction in it';
COMMENT ON COLUMN entitydb.stat_segment.max_tx IS 'the last transaction in it';
COMMENT ON COLUMN entitydb.stat_segment.min_ordinal IS 'the first entity in it, by the number that stands for it';
COMMENT ON COLUMN entitydb.stat_segment.max_ordinal IS 'the last entity in it';
GRANT SELECT ON entitydb.stat_segment TO PUBLIC;

CREATE VIEW entitydb.stat_dataset WITH (security_barrier) AS
SELECT d.name AS dataset, pg_catalog.pg_get_userbyid(g.srvowner) AS owner, s.segments, s.bytes, s.events,
    pg_catalog.pg_stat_get_live_tuples(c.oid) AS delta_rows,
    pg_catalog.pg_total_relation_size(c.oid) AS delta_bytes
FROM entitydb.dataset d
JOIN pg_catalog.pg_foreign_server g ON g.srvname OPERATOR(pg_catalog.=) d.guard
JOIN pg_catalog.pg_class c ON c.relname OPERATOR(pg_catalog.=) pg_catalog.concat('delta_', d.id)::name
JOIN pg_catalog.pg_namespace n
    ON n.oid OPERATOR(pg_catalog.=) c.relnamespace AND n.nspname OPERATOR(pg_catalog.=) 'entitydb'::name
CROSS JOIN LATERAL (
    SELECT pg_catalog.count(*) AS segments, coalesce(pg_catalog.sum(s.bytes), 0)::bigint AS bytes,
        coalesce(pg_catalog.sum(s.events) FILTER (WHERE s.kind OPERATOR(pg_catalog.<=) 2), 0)::bigint AS events
    FROM entitydb.segment s WHERE s.dataset OPERATOR(pg_catalog.=) d.id
) s
WHERE entitydb.administers(d.guard) OR pg_catalog.pg_has_role('pg_read_all_stats'::name, 'USAGE'::text);
COMMENT ON VIEW entitydb.stat_dataset IS
    'one row a dataset: its segments, their bytes and events, and the delta, whose rows are as the statistics know them; for those who administer it, and pg_read_all_stats';
COMMENT ON COLUMN entitydb.stat_dataset.dataset IS 'the dataset';
COMMENT ON COLUMN entitydb.stat_dataset.owner IS 'the role whose members administer it';
COMMENT ON COLUMN entitydb.stat_dataset.segments IS 'how many segment files it has';
COMMENT ON COLUMN entitydb.stat_dataset.bytes IS 'their length';
COMMENT ON COLUMN entitydb.stat_dataset.events IS 'how many events they hold';
COMMENT ON COLUMN entitydb.stat_dataset.delta_rows IS 'how many change sets wait to be sealed, as the statistics know';
COMMENT ON COLUMN entitydb.stat_dataset.delta_bytes IS 'the size of the heap that they are in, with its index';
GRANT SELECT ON entitydb.stat_dataset TO PUBLIC;

SELECT entitydb.keep_private(c.oid) FROM pg_catalog.pg_class c
WHERE c.relnamespace OPERATOR(pg_catalog.=) 'entitydb'::regnamespace::oid
    AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,v,S}'::"char"[]);

-- The dataset that every installation has.
SELECT entitydb.create_in(pg_catalog.current_schema(), 'entity', '{content,content bytea}', 'text');
-- pg_dump --include-foreign-data=entitydb_log dumps its events, as it does those of the event faces that users made.
SELECT pg_catalog.pg_extension_config_dump('@extschema@.entity_event', '');
