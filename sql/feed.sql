-- The system axis: tokens, answers as known to one, and the feed of changes.

-- Makes the functions of one face that deal in tokens: schema and name of the face; the face and its event face, quoted.
CREATE FUNCTION entitydb.make_feed(s name, n name, f text, v text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $make$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I() RETURNS pg_snapshot LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L',
        s, n || '_snapshot', 'SELECT entitydb.snapshot()');
    EXECUTE format('COMMENT ON FUNCTION %I.%I() IS %L', s, n || '_snapshot',
        'the token of this statement, for _as_of_snapshot and _changes');
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(snapshot pg_snapshot, ts timestamptz DEFAULT NULL) RETURNS SETOF %s'
        ' LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L', s, n || '_as_of_snapshot', f,
        format('SELECT e.* FROM %s e WHERE entitydb.at_snapshot(e.tableoid, $1, $2)', f));
    EXECUTE format('COMMENT ON FUNCTION %I.%I(pg_snapshot, timestamptz) IS %L', s, n || '_as_of_snapshot',
        'valid at ts (NULL: now), exactly as known to the token; the same answer for ever where ts is given');
    IF entitydb.has_columns(to_regclass(v), '{id,ts,ts_ns,seq}') THEN
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%I(since pg_snapshot DEFAULT NULL) RETURNS SETOF %s'
            ' LANGUAGE sql STABLE PARALLEL RESTRICTED AS %L', s, n || '_changes', v,
            format('SELECT v.* FROM %s v WHERE entitydb.since(v.tableoid, $1) ORDER BY v.ts_ns, v.seq, v.id', v));
        EXECUTE format('COMMENT ON FUNCTION %I.%I(pg_snapshot) IS %L', s, n || '_changes',
            'the events committed since the token (NULL: all), each once, never the caller''s own uncommitted ones');
    END IF;
END
$make$;
COMMENT ON FUNCTION entitydb.make_feed(name, name, text, text) IS 'internal: what make_functions does for tokens';

-- Who and why.

CREATE TABLE entitydb.written (
    tx xid8 NOT NULL,
    nth int4 NOT NULL,
    dataset int4 NOT NULL,
    role text,
    application_name text,
    note text
);
CREATE INDEX written_tx ON entitydb.written (tx);
COMMENT ON TABLE entitydb.written IS
    'internal: who wrote to which dataset and why, a row a transaction and dataset, one more where the note changes';
COMMENT ON COLUMN entitydb.written.tx IS 'the transaction';
COMMENT ON COLUMN entitydb.written.nth IS 'which of its rows this is; the last one of those that are there counts';
COMMENT ON COLUMN entitydb.written.dataset IS 'the dataset';
COMMENT ON COLUMN entitydb.written.role IS 'as in entitydb.transaction';
COMMENT ON COLUMN entitydb.written.application_name IS 'as in entitydb.transaction';
COMMENT ON COLUMN entitydb.written.note IS 'as in entitydb.transaction';

CREATE FUNCTION entitydb.recorded_at(tx xid8, dataset text) RETURNS timestamptz
LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'entitydb_recorded_at';
COMMENT ON FUNCTION entitydb.recorded_at(xid8, text)
IS 'when a transaction that wrote to the dataset committed, also once PostgreSQL has forgotten it';

CREATE VIEW entitydb.transaction WITH (security_barrier) AS
SELECT t.tx, entitydb.recorded_at(t.tx, t.dataset) AS recorded_at, t.role, t.application_name, t.note
FROM (
    SELECT DISTINCT ON (w.tx) w.tx, d.name AS dataset, w.role, w.application_name, w.note
    FROM entitydb.written w
    JOIN entitydb.dataset d ON d.id OPERATOR(pg_catalog.=) w.dataset
    WHERE entitydb.administers(d.guard) OR pg_catalog.pg_has_role('pg_read_all_stats'::name, 'USAGE'::text)
    ORDER BY w.tx, w.nth DESC
) t;
COMMENT ON VIEW entitydb.transaction IS
    'one row a transaction that wrote to a dataset, for those who administer that dataset, and pg_read_all_stats';
COMMENT ON COLUMN entitydb.transaction.tx IS 'the transaction, as in the column tx of event faces';
COMMENT ON COLUMN entitydb.transaction.recorded_at IS 'when it committed; NULL before that';
COMMENT ON COLUMN entitydb.transaction.role IS 'whom its client acted as: SET ROLE counts, SECURITY DEFINER does not';
COMMENT ON COLUMN entitydb.transaction.application_name IS 'its application_name';
COMMENT ON COLUMN entitydb.transaction.note IS 'the last entitydb.note under which it wrote';
GRANT SELECT ON entitydb.transaction TO PUBLIC;

CREATE FUNCTION entitydb.set_notify(dataset text, enabled boolean) RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'set_notify_wrapper';
COMMENT ON FUNCTION entitydb.set_notify(text, boolean) IS
    'whether each transaction that writes to the dataset sends NOTIFY entitydb_<dataset> with its xid when it commits';
