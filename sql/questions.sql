-- The functions of a face beyond reading and writing rows: differences of sets, trends, relations, cardinalities.

CREATE FUNCTION entitydb.trend(face regclass, tags text[], since timestamptz, until timestamptz, step interval)
RETURNS TABLE (at timestamptz, count bigint)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trend_wrapper';
COMMENT ON FUNCTION entitydb.trend(regclass, text[], timestamptz, timestamptz, interval)
IS 'internal: how many entities carry all the tags at since, since + step, and so on up to until';

CREATE FUNCTION entitydb.trend_by(face regclass, namespace text, tags text[], since timestamptz, until timestamptz, step interval)
RETURNS TABLE (at timestamptz, value text, count bigint)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'trend_by_wrapper';
COMMENT ON FUNCTION entitydb.trend_by(regclass, text, text[], timestamptz, timestamptz, interval)
IS 'internal: the same by the values of a namespace; a value that nobody has at a point has no row there';

CREATE FUNCTION entitydb.diff_set(face regclass, tags text[], t1 timestamptz, t2 timestamptz)
RETURNS TABLE (id text, change text)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'diff_set_wrapper';
COMMENT ON FUNCTION entitydb.diff_set(regclass, text[], timestamptz, timestamptz)
IS 'internal: which entities carry all the tags at t2 and not at t1 (entered), or at t1 and not at t2 (left)';

-- Makes those functions of a state face, which is given by its schema and its name too.
CREATE FUNCTION entitydb.make_questions(face regclass, s name, n name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $make$
DECLARE
    f text := format('%I.%I', s, n);
    lit text := format('%L::pg_catalog.regclass', f);
    reads text := ' LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L';
    id_type text := (
        SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = face AND a.attname = 'id' AND NOT a.attisdropped
    );
    content_type text := coalesce((
        SELECT format_type(a.atttypid, NULL) FROM pg_attribute a
        WHERE a.attrelid = face AND a.attname = 'content' AND NOT a.attisdropped
    ), 'bytea');
    as_bytes text := CASE content_type WHEN 'bytea' THEN '$3' ELSE 'pg_catalog.convert_to($3::pg_catalog.text, ''UTF8'')' END;
    -- Between an id as its type has it and as text has it.
    of_type text := CASE id_type WHEN 'text' THEN '' WHEN 'uuid' THEN '::pg_catalog.uuid' ELSE '::' || id_type END;
    as_text text := CASE id_type WHEN 'text' THEN '' ELSE '::pg_catalog.text' END;
    as_id text := CASE id_type WHEN 'text' THEN ' COLLATE pg_catalog."C"' ELSE '' END;
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(namespace text, cardinality text) RETURNS bigint LANGUAGE sql AS %L',
        s, n || '_namespace', format('SELECT entitydb.declare(%s, $1, $2)', lit));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(tags text[], since timestamptz, until timestamptz, step interval)'
        ' RETURNS TABLE (at timestamptz, count bigint)' || reads, s, n || '_trend',
        format('SELECT t.at, t.count FROM entitydb.trend(%s, $1, $2, $3, $4) t', lit));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(namespace text, tags text[], since timestamptz, until timestamptz, step interval)'
        ' RETURNS TABLE (at timestamptz, value text, count bigint)' || reads, s, n || '_trend_by',
        format('SELECT t.at, t.value, t.count FROM entitydb.trend_by(%s, $1, $2, $3, $4, $5) t', lit));
    IF id_type IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(tags text[], t1 timestamptz, t2 timestamptz)'
        ' RETURNS TABLE (id %s, change text)' || reads, s, n || '_diff_set', id_type,
        format('SELECT d.id%s, d.change FROM entitydb.diff_set(%s, $1, $2, $3) d', of_type, lit));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, temporal_tags text[], content %s DEFAULT NULL) RETURNS text LANGUAGE sql AS %L',
        s, n || '_import', id_type, content_type,
        format('SELECT entitydb.import(%s, $1%s, $2, %s)', lit, as_text, as_bytes));
    IF NOT entitydb.has_columns(face, '{tags}') THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, relation text, at timestamptz DEFAULT NULL) RETURNS TABLE (id %3$s)' || reads,
        s, n || '_related', id_type,
        format('SELECT pg_catalog.substr(t.tag, pg_catalog.length($2) OPERATOR(pg_catalog.+) 2)%s'
            ' FROM %s e CROSS JOIN LATERAL pg_catalog.unnest(e.tags) t (tag) WHERE entitydb.at_or_now(e.tableoid, $3)'
            ' AND e.id OPERATOR(pg_catalog.=) $1%s'
            ' AND pg_catalog.starts_with(t.tag, $2 OPERATOR(pg_catalog.||) '':'')', of_type, f, as_id));
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(id %s, relation text, at timestamptz DEFAULT NULL) RETURNS TABLE (id %3$s)' || reads,
        s, n || '_referrers', id_type,
        format('SELECT e.id FROM %s e WHERE entitydb.at_or_now(e.tableoid, $3) AND e.tags OPERATOR(pg_catalog.@>)'
            ' ARRAY[$2 OPERATOR(pg_catalog.||) '':'' OPERATOR(pg_catalog.||) $1%s]', f, as_text));
END
$make$;
COMMENT ON FUNCTION entitydb.make_questions(regclass, name, name)
IS 'internal: what make_functions does for differences of sets, trends, relations and cardinalities';
