-- Retention: what is kept of a dataset, what is held, and the floors below which something went.

-- By the dataset's name, as what else a dump keeps.
CREATE TABLE entitydb.retention_policy (
    dataset text COLLATE "C" NOT NULL,
    tags text[] COLLATE "C" NOT NULL,
    keep interval,
    keep_versions int4,
    PRIMARY KEY (dataset, tags)
);
COMMENT ON TABLE entitydb.retention_policy IS 'internal: one row a call of set_retention that holds';
COMMENT ON COLUMN entitydb.retention_policy.dataset IS 'internal: the name of the dataset';
COMMENT ON COLUMN entitydb.retention_policy.tags IS 'internal: which entities; sorted; none is all';
COMMENT ON COLUMN entitydb.retention_policy.keep IS 'internal: how long';
COMMENT ON COLUMN entitydb.retention_policy.keep_versions IS 'internal: how many versions';
SELECT pg_catalog.pg_extension_config_dump('entitydb.retention_policy', '');

CREATE TABLE entitydb.hold_policy (
    dataset text COLLATE "C" NOT NULL,
    tags text[] COLLATE "C" NOT NULL,
    PRIMARY KEY (dataset, tags)
);
COMMENT ON TABLE entitydb.hold_policy IS 'internal: one row a hold';
COMMENT ON COLUMN entitydb.hold_policy.dataset IS 'internal: the name of the dataset';
COMMENT ON COLUMN entitydb.hold_policy.tags IS 'internal: which entities; sorted; none is all';
SELECT pg_catalog.pg_extension_config_dump('entitydb.hold_policy', '');

-- A floor is dumped, and read in the copy too: what is gone is gone there. But the floors that entities have of their own, and the
-- last transaction, go by ordinals and xids that mean nothing elsewhere, and the restore has the events still to write. So a row
-- that was restored refuses all reads below the higher of its floors, and no writes. A row was made here iff its mark is that of
-- floor_mark, which is not dumped and goes by the dataset's number, which no other dataset ever has. That holds whichever of the
-- two, floors or events, is restored first, and in a dataset that had floors, was truncated, or was made anew under the name
-- (--data-only); there may be several rows of one name then. pg_upgrade, a file-level backup and CREATE DATABASE .. TEMPLATE copy
-- all tables, with the ordinals and the xids that go with them: the floors stay what they are, where the identifier of a cluster
-- or a database would call them restored. The next floor that is noted here takes the restored ones up, as one of all entities.
CREATE TABLE entitydb.floor (
    dataset text COLLATE "C" NOT NULL,
    mark uuid NOT NULL,
    valid int8,
    highest int8,
    recorded_at timestamptz
);
CREATE INDEX floor_dataset ON entitydb.floor (dataset);
COMMENT ON TABLE entitydb.floor IS 'internal: below what instants of a dataset something may be gone';
COMMENT ON COLUMN entitydb.floor.dataset IS 'internal: the name of the dataset';
COMMENT ON COLUMN entitydb.floor.mark IS 'internal: that of floor_mark where it was made; elsewhere the row is a restored one';
COMMENT ON COLUMN entitydb.floor.valid IS 'internal: the floor of all entities, in ns';
COMMENT ON COLUMN entitydb.floor.highest IS 'internal: the highest floor that an entity has of its own, in ns';
COMMENT ON COLUMN entitydb.floor.recorded_at IS 'internal: the last system time of which something may be gone';
SELECT pg_catalog.pg_extension_config_dump('entitydb.floor', '');

CREATE TABLE entitydb.floor_mark (dataset int4 PRIMARY KEY, mark uuid NOT NULL, tx xid8);
COMMENT ON TABLE entitydb.floor_mark IS 'internal: one row a dataset that lost events here; it is not dumped';
COMMENT ON COLUMN entitydb.floor_mark.dataset IS 'internal: the dataset';
COMMENT ON COLUMN entitydb.floor_mark.mark IS 'internal: the mark of the floors that were made here';
COMMENT ON COLUMN entitydb.floor_mark.tx IS 'internal: the last transaction of which something may be gone';

CREATE TABLE entitydb.entity_floor (
    dataset int4 NOT NULL,
    ordinal int8 NOT NULL,
    valid int8 NOT NULL,
    PRIMARY KEY (dataset, ordinal)
);
COMMENT ON TABLE entitydb.entity_floor IS 'internal: one row an entity that lost events';
COMMENT ON COLUMN entitydb.entity_floor.dataset IS 'internal: the dataset';
COMMENT ON COLUMN entitydb.entity_floor.ordinal IS 'internal: the entity';
COMMENT ON COLUMN entitydb.entity_floor.valid IS 'internal: its floor, in ns';

CREATE FUNCTION entitydb.put_retention(dataset text, keep interval, tags text[], keep_versions int4) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF put_retention.keep < interval '0' THEN
        RAISE EXCEPTION 'keep must not be negative' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF put_retention.keep_versions < 1 THEN
        RAISE EXCEPTION 'keep_versions is %, it must be at least 1', put_retention.keep_versions
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF put_retention.keep IS NULL AND put_retention.keep_versions IS NULL THEN
        DELETE FROM entitydb.retention_policy p WHERE p.dataset = put_retention.dataset AND p.tags = put_retention.tags;
        RETURN;
    END IF;
    INSERT INTO entitydb.retention_policy
    VALUES (put_retention.dataset, put_retention.tags, put_retention.keep, put_retention.keep_versions)
    ON CONFLICT (dataset, tags) DO UPDATE SET keep = excluded.keep, keep_versions = excluded.keep_versions;
END
$$;
COMMENT ON FUNCTION entitydb.put_retention(text, interval, text[], int4) IS 'internal: what set_retention writes';
REVOKE EXECUTE ON FUNCTION entitydb.put_retention(text, interval, text[], int4) FROM PUBLIC;

-- The policies of a dataset with their floors as of now; a floor before all instants is none.
CREATE FUNCTION entitydb.policies(dataset text) RETURNS TABLE (tags text[], before int8, versions int4)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    p record;
    now timestamptz := clock_timestamp();
    at timestamptz;
BEGIN
    FOR p IN SELECT r.tags, r.keep, r.keep_versions FROM entitydb.retention_policy r WHERE r.dataset = policies.dataset LOOP
        BEGIN
            -- Months that are taken from days may lead past the present.
            at := CASE WHEN p.keep IS NOT NULL THEN least(now - p.keep, now) END;
        EXCEPTION WHEN datetime_field_overflow THEN
            at := '-infinity';
        END;
        tags := p.tags;
        versions := p.keep_versions;
        before := CASE WHEN at IS NULL THEN NULL ELSE entitydb.ns(greatest(at, '1678-01-01 00:00:00+00'::timestamptz)) END;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION entitydb.policies(text) IS 'internal: the retention of a dataset with its instants as of now';
REVOKE EXECUTE ON FUNCTION entitydb.policies(text) FROM PUBLIC;

CREATE FUNCTION entitydb.note_floor(dataset int4, valid int8, tx xid8, recorded_at timestamptz, ordinals int8[], floors int8[])
RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    named text := (SELECT d.name FROM entitydb.dataset d WHERE d.id = note_floor.dataset);
    here uuid;
BEGIN
    INSERT INTO entitydb.entity_floor AS e (dataset, ordinal, valid)
    SELECT note_floor.dataset, f.ordinal, f.valid FROM unnest(note_floor.ordinals, note_floor.floors) f (ordinal, valid)
    ON CONFLICT (dataset, ordinal) DO UPDATE SET valid = greatest(e.valid, excluded.valid);
    INSERT INTO entitydb.floor_mark AS m (dataset, mark, tx) VALUES (note_floor.dataset, gen_random_uuid(), note_floor.tx)
    ON CONFLICT (dataset) DO UPDATE SET tx = greatest(m.tx, excluded.tx)
    RETURNING m.mark INTO here;
    WITH known AS (
        DELETE FROM entitydb.floor f WHERE f.dataset = named RETURNING f.mark = here AS is_own, f.valid, f.highest, f.recorded_at
    )
    INSERT INTO entitydb.floor (dataset, mark, valid, highest, recorded_at)
    SELECT named, here,
        greatest(note_floor.valid, max(k.valid), max(k.highest) FILTER (WHERE NOT k.is_own)),
        greatest((SELECT max(u.valid) FROM unnest(note_floor.floors) u (valid)), max(k.highest) FILTER (WHERE k.is_own)),
        greatest(note_floor.recorded_at, max(k.recorded_at))
    FROM known k;
END
$$;
COMMENT ON FUNCTION entitydb.note_floor(int4, int8, xid8, timestamptz, int8[], int8[])
IS 'internal: raises the floors of a dataset; those that were restored become one of all entities';
REVOKE EXECUTE ON FUNCTION entitydb.note_floor(int4, int8, xid8, timestamptz, int8[], int8[]) FROM PUBLIC;

-- These find what others committed after the transaction's snapshot too, as no DELETE does.
CREATE FUNCTION entitydb.forget_floor(dataset int4, name text) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'forget_floor_wrapper';
COMMENT ON FUNCTION entitydb.forget_floor(int4, text) IS 'internal: takes away the floors of a dataset';
REVOKE EXECUTE ON FUNCTION entitydb.forget_floor(int4, text) FROM PUBLIC;
CREATE FUNCTION entitydb.forget_dataset(name text) RETURNS void
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'forget_dataset_wrapper';
COMMENT ON FUNCTION entitydb.forget_dataset(text) IS 'internal: takes away what is said of a dataset, and its segments';
REVOKE EXECUTE ON FUNCTION entitydb.forget_dataset(text) FROM PUBLIC;

-- After a TRUNCATE any past may be written again. What was known before is gone in a copy too, where entitydb.dataset, which says
-- more exactly when that was, begins anew.
CREATE FUNCTION entitydb.truncate_floor(dataset int4, name text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    SELECT entitydb.forget_floor($1, $2);
    INSERT INTO entitydb.floor (dataset, mark, recorded_at) VALUES ($2, gen_random_uuid(), clock_timestamp());
$$;
COMMENT ON FUNCTION entitydb.truncate_floor(int4, text) IS 'internal: leaves a dataset no floor but that of what was known by now';
REVOKE EXECUTE ON FUNCTION entitydb.truncate_floor(int4, text) FROM PUBLIC;

-- Of what was erased nothing is below a floor any more; the floors of all entities and of system time stay, and restored ones.
CREATE FUNCTION entitydb.forget_floors_of(dataset int4, ordinals int8[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS $$
    DELETE FROM entitydb.entity_floor e WHERE e.dataset = $1 AND e.ordinal = ANY ($2);
    UPDATE entitydb.floor f SET highest = (SELECT max(e.valid) FROM entitydb.entity_floor e WHERE e.dataset = $1)
    FROM entitydb.floor_mark m WHERE m.dataset = $1 AND f.mark = m.mark AND f.highest IS NOT NULL;
$$;
COMMENT ON FUNCTION entitydb.forget_floors_of(int4, int8[]) IS 'internal: takes away the floors that entities have of their own';
REVOKE EXECUTE ON FUNCTION entitydb.forget_floors_of(int4, int8[]) FROM PUBLIC;

CREATE FUNCTION entitydb.put_hold(dataset text, tags text[], held boolean) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    IF put_hold.held THEN
        INSERT INTO entitydb.hold_policy VALUES (put_hold.dataset, put_hold.tags) ON CONFLICT DO NOTHING;
    ELSE
        DELETE FROM entitydb.hold_policy h WHERE h.dataset = put_hold.dataset AND h.tags = put_hold.tags;
    END IF;
    RETURN FOUND;
END
$$;
COMMENT ON FUNCTION entitydb.put_hold(text, text[], boolean) IS 'internal: what hold and release write';
REVOKE EXECUTE ON FUNCTION entitydb.put_hold(text, text[], boolean) FROM PUBLIC;

CREATE FUNCTION entitydb.set_retention(dataset text, keep interval, tags text[] DEFAULT NULL, keep_versions int DEFAULT NULL)
RETURNS void
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'set_retention_wrapper';
COMMENT ON FUNCTION entitydb.set_retention(text, interval, text[], int) IS
    'what seal and compact keep: events newer than keep, and the last keep_versions versions, of the entities that carried all the tags at once, as far as is known (NULL: all entities); the state at the floor stays. keep and keep_versions NULL: no limit any more. What is below the floor cannot be read or written then';

CREATE FUNCTION entitydb.hold(dataset text, tags text[]) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'hold_wrapper';
COMMENT ON FUNCTION entitydb.hold(text, text[]) IS
    'entities that carried all the tags at once, as far as is known (none: all entities), lose nothing to retention, and cannot be erased; TRUNCATE and drop of the dataset are errors; whether that is new';
CREATE FUNCTION entitydb.release(dataset text, tags text[]) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'release_wrapper';
COMMENT ON FUNCTION entitydb.release(text, text[]) IS 'ends a hold of just these tags; whether there was one';

CREATE VIEW entitydb.retention WITH (security_barrier) AS
SELECT d.name AS dataset, p.tags, p.keep, p.keep_versions
FROM entitydb.retention_policy p
JOIN entitydb.dataset d ON d.name OPERATOR(pg_catalog.=) p.dataset
WHERE entitydb.administers(d.guard) OR pg_catalog.pg_has_role('pg_read_all_stats'::name, 'USAGE'::text);
COMMENT ON VIEW entitydb.retention IS 'what set_retention says, one row a set of tags; for those who administer the dataset, and pg_read_all_stats';
COMMENT ON COLUMN entitydb.retention.dataset IS 'the dataset';
COMMENT ON COLUMN entitydb.retention.tags IS 'which entities: those that carried all of these at once, as far as is known; none is all entities';
COMMENT ON COLUMN entitydb.retention.keep IS 'how old an event may be';
COMMENT ON COLUMN entitydb.retention.keep_versions IS 'how many versions are kept whatever their age; without keep, no more than these';
GRANT SELECT ON entitydb.retention TO PUBLIC;

CREATE VIEW entitydb.holds WITH (security_barrier) AS
SELECT d.name AS dataset, p.tags
FROM entitydb.hold_policy p
JOIN entitydb.dataset d ON d.name OPERATOR(pg_catalog.=) p.dataset
WHERE entitydb.administers(d.guard) OR pg_catalog.pg_has_role('pg_read_all_stats'::name, 'USAGE'::text);
COMMENT ON VIEW entitydb.holds IS 'the holds, one row each; for those who administer the dataset, and pg_read_all_stats';
COMMENT ON COLUMN entitydb.holds.dataset IS 'the dataset';
COMMENT ON COLUMN entitydb.holds.tags IS 'which entities: those that carried all of these at once, as far as is known; none is all entities';
GRANT SELECT ON entitydb.holds TO PUBLIC;
