-- Maintenance of a dataset, for members of its owner.

CREATE FUNCTION entitydb.seal(dataset text) RETURNS bigint
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'seal_dataset_wrapper';
COMMENT ON FUNCTION entitydb.seal(text) IS 'turns the committed change sets of the delta into a run; returns the number of events sealed';

CREATE FUNCTION entitydb.compact(dataset text) RETURNS bigint
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'compact_dataset_wrapper';
COMMENT ON FUNCTION entitydb.compact(text) IS 'merges the runs and tiles of a dataset; returns the number of files replaced';

-- Whose a dataset is.

CREATE FUNCTION entitydb.administers(guard name) RETURNS boolean
LANGUAGE sql STABLE
AS $$
    SELECT coalesce(pg_catalog.pg_has_role(s.srvowner, 'USAGE') OR pg_catalog.has_server_privilege(s.oid, 'USAGE'), false)
    FROM pg_catalog.pg_foreign_server s WHERE s.srvname OPERATOR(pg_catalog.=) $1
$$;
COMMENT ON FUNCTION entitydb.administers(name)
IS 'internal: whether the caller is a member of the owner of the dataset with this guard, or of a role that was granted it';

CREATE FUNCTION entitydb.granted_guard(dataset text) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guard name;
    owner oid;
BEGIN
    SELECT s.srvname, s.srvowner INTO guard, owner
    FROM entitydb.dataset d JOIN pg_foreign_server s ON s.srvname = d.guard WHERE d.name = dataset COLLATE "C";
    IF NOT FOUND THEN
        RAISE EXCEPTION 'dataset "%" does not exist', dataset USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT pg_has_role(owner, 'USAGE') THEN
        RAISE EXCEPTION 'must be a member of the owner of dataset "%"', dataset USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN guard;
END
$$;
COMMENT ON FUNCTION entitydb.granted_guard(text) IS 'internal: the guard of a dataset that the caller may grant; raises otherwise';

CREATE FUNCTION entitydb.grant_dataset(dataset text, role name) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('GRANT USAGE ON FOREIGN SERVER %I TO %I', entitydb.granted_guard(dataset), role);
END
$$;
COMMENT ON FUNCTION entitydb.grant_dataset(text, name)
IS 'lets the members of a role administer a dataset and own faces of it, as those of its owner do; for members of the owner';

CREATE FUNCTION entitydb.revoke_dataset(dataset text, role name) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('REVOKE USAGE ON FOREIGN SERVER %I FROM %I', entitydb.granted_guard(dataset), role);
END
$$;
COMMENT ON FUNCTION entitydb.revoke_dataset(text, name)
IS 'takes back what grant_dataset granted; faces that members of the role own answer no more';

CREATE FUNCTION entitydb.seal_all() RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$ SELECT coalesce(sum(entitydb.seal(d.name)), 0)::bigint FROM entitydb.dataset d WHERE entitydb.administers(d.guard) $$;
COMMENT ON FUNCTION entitydb.seal_all() IS 'seals every dataset that the caller owns; returns the number of events sealed';

CREATE FUNCTION entitydb.verify(dataset text)
RETURNS TABLE (segment text, "check" text, ok boolean, detail text)
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'verify_dataset_wrapper';
COMMENT ON FUNCTION entitydb.verify(text) IS 'reads every segment of a dataset and says whether it is what it claims to be';
