-- What the foreign data wrapper recognises in a query.

CREATE FUNCTION entitydb.at(tableoid oid, ts timestamptz, system timestamptz) RETURNS boolean
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'entitydb_at';
COMMENT ON FUNCTION entitydb.at(oid, timestamptz, timestamptz)
IS 'makes the face that tableoid belongs to answer as of ts, as known at system (NULL: as best known)';

CREATE FUNCTION entitydb.at_ns(tableoid oid, ts_ns bigint) RETURNS boolean
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'entitydb_at_ns';
COMMENT ON FUNCTION entitydb.at_ns(oid, bigint) IS 'makes the face that tableoid belongs to answer as of ts_ns, exactly';
