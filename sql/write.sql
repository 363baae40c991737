-- Writes through functions: each checks the caller's privilege on the face and answers what it did.

CREATE FUNCTION entitydb.put(face regclass, id text, tags text[], content bytea, at timestamptz) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'put_wrapper';
CREATE FUNCTION entitydb.tag(face regclass, id text, tag text, at timestamptz) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'tag_wrapper';
CREATE FUNCTION entitydb.untag(face regclass, id text, tag text, at timestamptz) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'untag_wrapper';
CREATE FUNCTION entitydb.set(face regclass, id text, namespace text, value text, at timestamptz) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'set_wrapper';
CREATE FUNCTION entitydb.import(face regclass, id text, temporal_tags text[], content bytea) RETURNS text
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'import_wrapper';
COMMENT ON FUNCTION entitydb.import(regclass, text, text[], bytea)
IS 'internal: records tags as stamp|tag, each at its stamp, and content at the largest; what was recorded before is left out';
CREATE FUNCTION entitydb.delete(face regclass, id text, at timestamptz) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'delete_wrapper';
CREATE FUNCTION entitydb.clear_content(face regclass, id text, at timestamptz) RETURNS boolean
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'clear_content_wrapper';
