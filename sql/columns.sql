-- What makes the columns of a new dataset's faces from the text that its maker gave.

CREATE FUNCTION entitydb.column_definitions(columns text) RETURNS TABLE (name text, type oid, definition text)
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'column_definitions_wrapper';
COMMENT ON FUNCTION entitydb.column_definitions(text)
IS 'internal: the columns of a list as in CREATE TABLE, which may have types, collations and options; runs nothing of it';

CREATE FUNCTION entitydb.scalar_namespaces(face regclass) RETURNS SETOF text
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'scalar_namespaces_wrapper';
COMMENT ON FUNCTION entitydb.scalar_namespaces(regclass)
IS 'internal: the namespaces of which columns of a face show one value and do not say what several are';

-- The type of a column of a relation; NULL if it has none of this name.
CREATE FUNCTION entitydb.type_of(relation regclass, name name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT format_type(a.atttypid, NULL) FROM pg_attribute a WHERE a.attrelid = $1 AND a.attname = $2 AND NOT a.attisdropped
$$;
COMMENT ON FUNCTION entitydb.type_of(regclass, name) IS 'internal: the type of a column';

-- The elements of an array two by two.
CREATE FUNCTION entitydb.pairs(elements text[]) RETURNS SETOF text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT $1[n : n + 1] FROM generate_series(1, cardinality($1) - 1, 2) n
$$;
COMMENT ON FUNCTION entitydb.pairs(text[]) IS 'internal: the elements of an array two by two';
