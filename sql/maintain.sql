-- Maintenance of a dataset, for members of its owner.

CREATE FUNCTION entitydb.seal(dataset text) RETURNS bigint
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'seal_dataset_wrapper';
COMMENT ON FUNCTION entitydb.seal(text) IS 'turns the committed change sets of the delta into a run; returns the number of events sealed';

CREATE FUNCTION entitydb.compact(dataset text) RETURNS bigint
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'compact_dataset_wrapper';
COMMENT ON FUNCTION entitydb.compact(text) IS 'merges the runs and tiles of a dataset; returns the number of files replaced';

CREATE FUNCTION entitydb.seal_all() RETURNS bigint
LANGUAGE sql VOLATILE
AS $$ SELECT coalesce(sum(entitydb.seal(d.name)), 0)::bigint FROM entitydb.dataset d WHERE pg_has_role(d.owner, 'USAGE') $$;
COMMENT ON FUNCTION entitydb.seal_all() IS 'seals every dataset that the caller owns; returns the number of events sealed';

CREATE FUNCTION entitydb.verify(dataset text)
RETURNS TABLE (segment text, "check" text, ok boolean, detail text)
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'verify_dataset_wrapper';
COMMENT ON FUNCTION entitydb.verify(text) IS 'reads every segment of a dataset and says whether it is what it claims to be';
