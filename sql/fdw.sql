-- What the foreign data wrapper recognises in a query.

CREATE FUNCTION entitydb.at(tableoid oid, ts timestamptz, system timestamptz) RETURNS boolean
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'entitydb_at';
COMMENT ON FUNCTION entitydb.at(oid, timestamptz, timestamptz)
IS 'internal: makes the face that tableoid belongs to answer as of ts, as known at system (NULL: as best known)';

CREATE FUNCTION entitydb.at_ns(tableoid oid, ts_ns bigint) RETURNS boolean
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'entitydb_at_ns';
COMMENT ON FUNCTION entitydb.at_ns(oid, bigint) IS 'internal: makes the face that tableoid belongs to answer as of ts_ns, exactly';

CREATE FUNCTION entitydb.at_or_now(tableoid oid, ts timestamptz) RETURNS boolean
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'entitydb_at_or_now';
COMMENT ON FUNCTION entitydb.at_or_now(oid, timestamptz)
IS 'internal: makes the state face that tableoid belongs to answer as of ts; NULL is a plain read';

CREATE FUNCTION entitydb.at_snapshot(tableoid oid, snapshot pg_snapshot, ts timestamptz) RETURNS boolean
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'entitydb_at_snapshot';
COMMENT ON FUNCTION entitydb.at_snapshot(oid, pg_snapshot, timestamptz)
IS 'internal: makes the state face that tableoid belongs to answer as of ts (NULL: now), exactly as known to the snapshot';

CREATE FUNCTION entitydb.since(tableoid oid, snapshot pg_snapshot) RETURNS boolean
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'entitydb_since';
COMMENT ON FUNCTION entitydb.since(oid, pg_snapshot)
IS 'internal: makes the event face that tableoid belongs to show what was committed since the snapshot (NULL: everything)';

CREATE FUNCTION entitydb.snapshot() RETURNS pg_snapshot
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'entitydb_snapshot';
COMMENT ON FUNCTION entitydb.snapshot()
IS 'internal: the token of this statement: what its snapshot sees of other transactions; its own is as in progress';
