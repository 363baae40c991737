-- Erasure: who asked for it, and how far it is.

-- What a dump brings from elsewhere is told from what this database wrote by the mark. pg_upgrade, a file-level backup and CREATE
-- DATABASE .. TEMPLATE keep it, and with it the xids and the files that a receipt names.
CREATE TABLE entitydb.database (mark uuid NOT NULL);
INSERT INTO entitydb.database VALUES (pg_catalog.gen_random_uuid());
COMMENT ON TABLE entitydb.database IS 'internal: one row for this database; it is not dumped';
COMMENT ON COLUMN entitydb.database.mark IS 'internal: the mark of the receipts that were written here';

-- Dumped, for a receipt stays for ever. Of one that was restored only what it says counts, not the dataset's number, transactions
-- and files, which were those of another database: it belongs to the dataset of its name, and what it erased never was here.
CREATE TABLE entitydb.erasure_log (
    receipt int8 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    dataset int4 NOT NULL,
    dataset_name text COLLATE "C" NOT NULL,
    tx xid8,
    requested_at timestamptz NOT NULL,
    ids int8 NOT NULL,
    entities int8 NOT NULL,
    needed xid8 NOT NULL,
    done_at timestamptz,
    left_files text[] NOT NULL DEFAULT '{}',
    reason text,
    mark uuid NOT NULL
);
COMMENT ON TABLE entitydb.erasure_log IS 'internal: one row an erasure, for ever; neither an id nor content';
COMMENT ON COLUMN entitydb.erasure_log.receipt IS 'internal: the number of the receipt';
COMMENT ON COLUMN entitydb.erasure_log.dataset IS 'internal: the dataset';
COMMENT ON COLUMN entitydb.erasure_log.dataset_name IS 'internal: its name then';
COMMENT ON COLUMN entitydb.erasure_log.tx IS 'internal: the transaction that erased, where it was here';
COMMENT ON COLUMN entitydb.erasure_log.requested_at IS 'internal: when';
COMMENT ON COLUMN entitydb.erasure_log.ids IS 'internal: how many ids were named';
COMMENT ON COLUMN entitydb.erasure_log.entities IS 'internal: how many of these existed';
COMMENT ON COLUMN entitydb.erasure_log.done_at IS 'internal: when nothing was left';
COMMENT ON COLUMN entitydb.erasure_log.reason IS 'internal: what the caller gave';
COMMENT ON COLUMN entitydb.erasure_log.needed IS 'internal: no transaction from here on saw what was erased';
COMMENT ON COLUMN entitydb.erasure_log.left_files IS 'internal: what the delta was stored in before; gone, or empty, once the transaction has ended';
COMMENT ON COLUMN entitydb.erasure_log.mark IS 'internal: that of the database that wrote it';
SELECT pg_catalog.pg_extension_config_dump('entitydb.erasure_log', '');

CREATE FUNCTION entitydb.note_erasure(dataset int4, tx xid8, ids int8, entities int8, reason text, needed xid8) RETURNS int8
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    highest int8 := (SELECT max(l.receipt) FROM entitydb.erasure_log l);
    given int8;
BEGIN
    -- The sequence is not dumped, for to restore it could turn it back behind the receipts that are here. So it may be behind those
    -- that a restore brought. To step over them is safe beside others who do so; setval would not be.
    LOOP
        given := nextval('entitydb.erasure_log_receipt_seq');
        EXIT WHEN highest IS NULL OR given > highest;
    END LOOP;
    INSERT INTO entitydb.erasure_log (receipt, dataset, dataset_name, tx, requested_at, ids, entities, reason, needed, mark)
    OVERRIDING SYSTEM VALUE
    SELECT given, d.id, d.name, $2, clock_timestamp(), $3, $4, $5, $6, b.mark
    FROM entitydb.dataset d CROSS JOIN entitydb.database b WHERE d.id = $1;
    RETURN given;
END
$$;
COMMENT ON FUNCTION entitydb.note_erasure(int4, xid8, int8, int8, text, xid8) IS 'internal: writes a receipt';
REVOKE EXECUTE ON FUNCTION entitydb.note_erasure(int4, xid8, int8, int8, text, xid8) FROM PUBLIC;

-- Writes the rows of a delta that any snapshot sees to files of their own; the old files go when the transaction commits.
CREATE FUNCTION entitydb.rewrite_delta(dataset int4) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    delta oid := format('entitydb.delta_%s', dataset)::regclass;
    paths text[] := (
        SELECT array_agg(pg_relation_filepath(r.oid)) FROM (
            SELECT delta AS oid
            UNION SELECT c.reltoastrelid FROM pg_class c WHERE c.oid = delta AND c.reltoastrelid <> 0
            UNION SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = delta
            UNION SELECT i.indexrelid FROM pg_index i JOIN pg_class c ON c.reltoastrelid = i.indrelid WHERE c.oid = delta
        ) r
    );
BEGIN
    EXECUTE format('CLUSTER entitydb.delta_%s USING delta_%s_id_hash', dataset, dataset);
    RETURN paths;
END
$$;
COMMENT ON FUNCTION entitydb.rewrite_delta(int4) IS 'internal: writes a delta anew; returns the files that it was in';
REVOKE EXECUTE ON FUNCTION entitydb.rewrite_delta(int4) FROM PUBLIC;

-- Who has a row is about to say the same, or has the dataset and waits for nobody's rows: to wait for him could be a deadlock.
CREATE FUNCTION entitydb.note_done(receipts int8[], left_files text[]) RETURNS int8
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
    WITH free AS MATERIALIZED (
        SELECT l.receipt FROM entitydb.erasure_log l WHERE l.receipt = ANY ($1) AND l.done_at IS NULL FOR UPDATE SKIP LOCKED
    ), noted AS (
        UPDATE entitydb.erasure_log l SET done_at = clock_timestamp(), left_files = $2 FROM free f WHERE l.receipt = f.receipt
        RETURNING l.receipt
    )
    SELECT count(*) FROM noted
$$;
COMMENT ON FUNCTION entitydb.note_done(int8[], text[])
IS 'internal: turns open receipts done once these files have no bytes, but for those that others have locked; returns how many';
REVOKE EXECUTE ON FUNCTION entitydb.note_done(int8[], text[]) FROM PUBLIC;

CREATE FUNCTION entitydb.have_bytes(paths text[]) RETURNS boolean
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'files_have_bytes_wrapper';
COMMENT ON FUNCTION entitydb.have_bytes(text[]) IS 'internal: whether any of these files of relations, given relative to the data directory, has bytes';

CREATE FUNCTION entitydb.erase(dataset text, ids text[], reason text) RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'erase_entities_wrapper';
COMMENT ON FUNCTION entitydb.erase(text, text[], text)
IS 'erases entities with all that was ever recorded of them; returns the number of the receipt in entitydb.erasure. Do not write ids into the reason';

CREATE FUNCTION entitydb.finish_erasures() RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'finish_erasures_wrapper';
COMMENT ON FUNCTION entitydb.finish_erasures()
IS 'finishes the erasures in the datasets of the caller of which no snapshot needs anything any more; returns how many receipts turned done. seal and compact do the same where nobody else has the dataset open';

CREATE VIEW entitydb.erasure WITH (security_barrier) AS
SELECT l.receipt, l.dataset_name AS dataset,
    CASE WHEN s.is_done THEN 'done' ELSE 'pending' END AS state,
    l.requested_at, CASE WHEN s.is_done THEN l.done_at END AS done_at, CASE WHEN h.is_here THEN l.tx END AS tx,
    l.ids, l.entities, l.reason,
    'WAL and its archives, backups, standbys that have not replayed it, server logs, copies outside of the dataset' AS unreachable
FROM entitydb.erasure_log l
CROSS JOIN entitydb.database b
CROSS JOIN LATERAL (SELECT l.mark OPERATOR(pg_catalog.=) b.mark AS is_here) h
CROSS JOIN LATERAL (
    SELECT l.done_at IS NOT NULL AND CASE WHEN h.is_here THEN NOT entitydb.have_bytes(l.left_files) ELSE true END AS is_done
) s
LEFT JOIN entitydb.dataset d
    ON CASE WHEN h.is_here THEN d.id OPERATOR(pg_catalog.=) l.dataset ELSE d.name OPERATOR(pg_catalog.=) l.dataset_name END
WHERE entitydb.administers(d.guard) OR pg_catalog.pg_has_role('pg_read_all_stats'::name, 'USAGE'::text);
COMMENT ON VIEW entitydb.erasure IS 'the receipts of erasures, for those who administer the dataset, and pg_read_all_stats';
COMMENT ON COLUMN entitydb.erasure.receipt IS 'the number that erase returned';
COMMENT ON COLUMN entitydb.erasure.dataset IS 'the name of the dataset';
COMMENT ON COLUMN entitydb.erasure.state IS 'pending while a snapshot may see, or a file may hold, what was erased; then done';
COMMENT ON COLUMN entitydb.erasure.requested_at IS 'when erase was called';
COMMENT ON COLUMN entitydb.erasure.done_at IS 'when nothing was left on this server';
COMMENT ON COLUMN entitydb.erasure.tx IS 'the transaction that erased; NULL where a dump brought the receipt';
COMMENT ON COLUMN entitydb.erasure.ids IS 'how many ids were named';
COMMENT ON COLUMN entitydb.erasure.entities IS 'how many of these existed';
COMMENT ON COLUMN entitydb.erasure.reason IS 'what the caller gave as the reason';
COMMENT ON COLUMN entitydb.erasure.unreachable IS 'where copies may be that an erasure does not reach';
GRANT SELECT ON entitydb.erasure TO PUBLIC;
