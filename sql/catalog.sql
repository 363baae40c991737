-- The catalog: which datasets there are, which segments a snapshot sees, and which files wait to be removed.

DO $$
BEGIN
    IF pg_catalog.getdatabaseencoding() OPERATOR(pg_catalog.<>) 'UTF8' THEN
        RAISE EXCEPTION 'entitydb needs a database with encoding UTF8, this one has %', pg_catalog.getdatabaseencoding()
            USING ERRCODE = 'feature_not_supported', HINT = 'Use CREATE DATABASE .. ENCODING ''UTF8'' TEMPLATE template0.';
    END IF;
END
$$;

CREATE SCHEMA entitydb;
GRANT USAGE ON SCHEMA entitydb TO PUBLIC;

CREATE TABLE entitydb.dataset (
    id int4 PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name text COLLATE "C" NOT NULL UNIQUE CHECK (octet_length(name) BETWEEN 1 AND 44),
    guard name NOT NULL,
    truncated_tx xid8,
    truncated_at timestamptz,
    notify boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE entitydb.dataset IS 'one row a dataset';
COMMENT ON COLUMN entitydb.dataset.truncated_tx IS 'the last TRUNCATE: its commit is the floor of system time';
COMMENT ON COLUMN entitydb.dataset.truncated_at IS 'the clock at that TRUNCATE: the floor once its commit time is forgotten';
COMMENT ON COLUMN entitydb.dataset.notify IS 'whether writing transactions are announced on channel entitydb_<name>';
-- Names are as public as those of tables; what else is known of a dataset is for those who administer it.
GRANT SELECT (id, name, guard) ON entitydb.dataset TO PUBLIC;

CREATE TABLE entitydb.segment (
    dataset int4 NOT NULL,
    position int8 NOT NULL,
    name text COLLATE "C" NOT NULL UNIQUE,
    kind int2 NOT NULL,
    bytes int8 NOT NULL,
    checksum int8 NOT NULL,
    events int8 NOT NULL,
    entities int8 NOT NULL,
    min_ts int8,
    max_ts int8,
    max_stamped int8,
    min_tx xid8,
    max_tx xid8,
    min_ordinal int8,
    max_ordinal int8,
    PRIMARY KEY (dataset, position)
);
COMMENT ON TABLE entitydb.segment IS 'the manifest: one row a segment that a snapshot sees, oldest first by position; what a kind does not hold is NULL';
CREATE SEQUENCE entitydb.segment_position;

CREATE TABLE entitydb.removed (file text COLLATE "C" NOT NULL, xid xid8 NOT NULL);
COMMENT ON TABLE entitydb.removed IS 'files that no later snapshot sees; each goes when no snapshot is as old as xid';

CREATE FUNCTION entitydb.fdw_handler() RETURNS fdw_handler
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'entitydb_fdw_handler';
CREATE FUNCTION entitydb.fdw_validator(options text[], catalog oid) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'entitydb_fdw_validator';

CREATE FOREIGN DATA WRAPPER entitydb HANDLER entitydb.fdw_handler VALIDATOR entitydb.fdw_validator;
CREATE SERVER entitydb FOREIGN DATA WRAPPER entitydb;
CREATE SERVER entitydb_log FOREIGN DATA WRAPPER entitydb;
GRANT USAGE ON FOREIGN SERVER entitydb, entitydb_log TO PUBLIC;
-- For the servers that guard datasets, which change hands; an event trigger keeps others from making servers.
GRANT USAGE ON FOREIGN DATA WRAPPER entitydb TO PUBLIC;

-- Default privileges are meant for what users make: takes what they gave to others than PUBLIC.
CREATE FUNCTION entitydb.keep_private(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    other name;
BEGIN
    FOR other IN
        SELECT DISTINCT pg_get_userbyid(a.grantee) FROM pg_class c CROSS JOIN aclexplode(c.relacl) a
        WHERE c.oid = relation AND a.grantee NOT IN (c.relowner, 0)
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM %I', relation, other);
    END LOOP;
END
$$;
COMMENT ON FUNCTION entitydb.keep_private(regclass) IS 'internal: takes all rights to a relation from every role but its owner and PUBLIC';

-- Called as the extension's owner, whatever the caller's settings are. The guard is an object of PostgreSQL's own, so that
-- DROP ROLE, REASSIGN OWNED and DROP OWNED know whose the dataset is, and no later role inherits it by its oid. It is a server,
-- which is in no schema and hangs on nothing that its owner could drop: what pulls down a member pulls down the extension.
CREATE FUNCTION entitydb.make_dataset(name text, owner oid) RETURNS int4
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET default_tablespace = '' SET default_table_access_method = heap
AS $$
DECLARE
    n int4;
    guard name := 'dataset ' || name;
    made record;
BEGIN
    IF octet_length(name) NOT BETWEEN 1 AND 44 THEN
        RAISE EXCEPTION 'dataset name has % bytes, the limit is 44', octet_length(name) USING ERRCODE = 'name_too_long';
    END IF;
    IF EXISTS (SELECT FROM entitydb.dataset d WHERE d.name = make_dataset.name COLLATE "C") THEN
        RAISE EXCEPTION 'dataset "%" already exists', name USING ERRCODE = 'duplicate_object';
    END IF;
    EXECUTE format('CREATE SERVER %I FOREIGN DATA WRAPPER entitydb', guard);
    EXECUTE format('COMMENT ON SERVER %I IS %L', guard, 'who owns this owns the dataset; see entitydb.grant_dataset');
    INSERT INTO entitydb.dataset (name, guard) VALUES (make_dataset.name, guard) RETURNING id INTO n;
    EXECUTE format('CREATE TABLE entitydb.delta_%s (id_hash int8 NOT NULL, ordinal int8 NOT NULL, seq int8 NOT NULL,'
        ' ts int8 NOT NULL, tx xid8 NOT NULL, recorded_at int8, events bytea NOT NULL) WITH (vacuum_truncate = off)', n);
    -- Samples of the rows that ANALYZE keeps would outlive what erase takes away.
    EXECUTE format('ALTER TABLE entitydb.delta_%s ALTER COLUMN events SET STATISTICS 0', n);
    EXECUTE format('CREATE INDEX delta_%s_id_hash ON entitydb.delta_%s (id_hash)', n, n);
    EXECUTE format('CREATE SEQUENCE entitydb.ordinal_%s AS int8 MINVALUE 0 MAXVALUE 4294967294 NO CYCLE', n);
    EXECUTE format('CREATE TABLE entitydb.lock_%s (hash int8 NOT NULL)', n);
    EXECUTE format('CREATE UNIQUE INDEX lock_%s_hash ON entitydb.lock_%s (hash)', n, n);
    FOR made IN
        SELECT kind, relation FROM (VALUES ('TABLE', format('entitydb.delta_%s', n)), ('TABLE', format('entitydb.lock_%s', n)), ('SEQUENCE', format('entitydb.ordinal_%s', n))) made (kind, relation)
    LOOP
        PERFORM entitydb.keep_private(made.relation::regclass);
        -- Members of the extension are not dumped: what they hold means nothing in another database. (Those that CREATE
        -- EXTENSION makes are members already.)
        IF NOT EXISTS (
            SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.deptype = 'e'
                AND d.objid = made.relation::regclass
        ) THEN
            EXECUTE format('ALTER EXTENSION entitydb ADD %s %s', made.kind, made.relation);
        END IF;
    END LOOP;
    IF NOT EXISTS (
        SELECT FROM pg_depend d JOIN pg_foreign_server s ON s.oid = d.objid
        WHERE d.classid = 'pg_foreign_server'::regclass AND d.deptype = 'e' AND s.srvname = guard
    ) THEN
        EXECUTE format('ALTER EXTENSION entitydb ADD SERVER %I', guard);
    END IF;
    EXECUTE format('ALTER SERVER %I OWNER TO %I', guard, pg_get_userbyid(owner));
    RETURN n;
END
$$;
REVOKE EXECUTE ON FUNCTION entitydb.make_dataset(text, oid) FROM PUBLIC;

-- Gives a dataset in which nothing was ever recorded to the owner of a face of it; where faces belong to others than
-- members of that role, the role gets the rights of the owner instead.
CREATE FUNCTION entitydb.adopt_dataset(dataset int4, role oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    adopted record;
BEGIN
    SELECT d.name, d.guard INTO STRICT adopted FROM entitydb.dataset d WHERE d.id = dataset;
    IF EXISTS (
        SELECT FROM pg_foreign_table t
        JOIN pg_class c ON c.oid = t.ftrelid
        JOIN pg_foreign_server s ON s.oid = t.ftserver
        JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname = 'entitydb'
        CROSS JOIN pg_options_to_table(t.ftoptions) o
        WHERE o.option_name = 'dataset' AND o.option_value = adopted.name AND NOT pg_has_role(c.relowner, role, 'USAGE')
    ) THEN
        EXECUTE format('GRANT USAGE ON FOREIGN SERVER %I TO %I', adopted.guard, pg_get_userbyid(role));
    ELSE
        EXECUTE format('ALTER SERVER %I OWNER TO %I', adopted.guard, pg_get_userbyid(role));
    END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION entitydb.adopt_dataset(int4, oid) FROM PUBLIC;

CREATE FUNCTION entitydb.drop_dataset(name text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    n int4;
    guard name;
    mapped text;
BEGIN
    -- The delta before the rows that say something of the dataset, as for everybody else; who makes a face
    -- has it too.
    BEGIN
        EXECUTE (SELECT format('LOCK TABLE entitydb.delta_%s IN ACCESS EXCLUSIVE MODE', d.id)
            FROM entitydb.dataset d WHERE d.name = drop_dataset.name);
    EXCEPTION WHEN undefined_table OR null_value_not_allowed THEN
        RETURN false;
    END;
    IF EXISTS (
        SELECT FROM pg_foreign_table t
        JOIN pg_foreign_server s ON s.oid = t.ftserver
        JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw AND w.fdwname = 'entitydb'
        CROSS JOIN pg_options_to_table(t.ftoptions) o
        WHERE o.option_name = 'dataset' AND o.option_value = drop_dataset.name
    ) THEN
        RAISE EXCEPTION 'dataset "%" has faces', name
            USING ERRCODE = 'dependent_objects_still_exist', HINT = 'Drop it with entity_drop.';
    END IF;
    PERFORM entitydb.forget_dataset(name);
    DELETE FROM entitydb.dataset d WHERE d.name = drop_dataset.name RETURNING d.id, d.guard INTO n, guard;
    IF n IS NULL THEN
        RETURN false;
    END IF;
    -- What of an erasure is not finished yet goes with the dataset. Receipts that were restored are of this dataset from now on, not
    -- of the next one of its name.
    UPDATE entitydb.erasure_log l
    SET dataset = n, mark = b.mark, tx = NULL, left_files = '{}', done_at = coalesce(l.done_at, clock_timestamp())
    FROM entitydb.database b WHERE l.dataset_name = drop_dataset.name COLLATE "C" AND l.mark <> b.mark;
    UPDATE entitydb.erasure_log l SET needed = (pg_current_xact_id()::text::numeric + 1)::text::xid8
    FROM entitydb.database b WHERE l.dataset = n AND l.mark = b.mark AND l.done_at IS NULL;
    -- Whoever may use the guard may have mapped himself there, which shall be in nobody's way.
    FOR mapped IN
        SELECT CASE m.umuser WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(m.umuser)) END
        FROM pg_user_mapping m JOIN pg_foreign_server s ON s.oid = m.umserver WHERE s.srvname = guard
    LOOP
        EXECUTE format('DROP USER MAPPING FOR %s SERVER %I', mapped, guard);
    END LOOP;
    PERFORM entitydb.drop_object('pg_foreign_server'::regclass, s.oid) FROM pg_foreign_server s WHERE s.srvname = guard;
    PERFORM entitydb.drop_object('pg_class'::regclass, format('entitydb.delta_%s', n)::regclass);
    PERFORM entitydb.drop_object('pg_class'::regclass, format('entitydb.lock_%s', n)::regclass);
    PERFORM entitydb.drop_object('pg_class'::regclass, format('entitydb.ordinal_%s', n)::regclass);
    RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION entitydb.drop_dataset(text) FROM PUBLIC;
