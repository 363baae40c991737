-- The system axis: tokens, answers as known to one, and the feed of changes.

-- Makes the functions of one face that deal in tokens: schema and name of the face; the face and its event face, quoted.
CREATE FUNCTION entitydb.make_feed(s name, n name, f text, v text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $make$
BEGIN
    EXECUTE format('CREATE FUNCTION %I.%I() RETURNS pg_snapshot LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L',
        s, n || '_snapshot', 'SELECT entitydb.snapshot()');
    EXECUTE format('COMMENT ON FUNCTION %I.%I() IS %L', s, n || '_snapshot',
        'the token of this statement, for _as_of_snapshot and _changes');
    EXECUTE format('CREATE FUNCTION %I.%I(snapshot pg_snapshot, ts timestamptz DEFAULT NULL) RETURNS SETOF %s'
        ' LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L', s, n || '_as_of_snapshot', f,
        format('SELECT e.* FROM %s e WHERE entitydb.at_snapshot(e.tableoid, $1, $2)', f));
    EXECUTE format('COMMENT ON FUNCTION %I.%I(pg_snapshot, timestamptz) IS %L', s, n || '_as_of_snapshot',
        'valid at ts (NULL: now), exactly as known to the token; the same answer for ever where ts is given');
    IF entitydb.has_columns(to_regclass(v), '{id,ts,ts_ns,seq}') THEN
        EXECUTE format('CREATE FUNCTION %I.%I(since pg_snapshot DEFAULT NULL) RETURNS SETOF %s'
            ' LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L', s, n || '_changes', v,
            format('SELECT v.* FROM %s v WHERE entitydb.since(v.tableoid, $1) ORDER BY v.ts_ns, v.seq, v.id', v));
        EXECUTE format('COMMENT ON FUNCTION %I.%I(pg_snapshot) IS %L', s, n || '_changes',
            'the events committed since the token (NULL: all), each once, never the caller''s own uncommitted ones');
    END IF;
END
$make$;
COMMENT ON FUNCTION entitydb.make_feed(name, name, text, text) IS 'internal: what make_functions does for tokens';
