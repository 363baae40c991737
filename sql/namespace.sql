-- Namespaces of cardinality one: a rule of reading that a dataset declares.

-- By the dataset's name, so that a dump keeps what was declared. What has no row has cardinality many.
CREATE TABLE entitydb.namespace (
    dataset text COLLATE "C" NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    cardinality text COLLATE "C" NOT NULL CHECK (cardinality = 'one')
);
CREATE INDEX namespace_dataset ON entitydb.namespace (dataset);
COMMENT ON TABLE entitydb.namespace IS 'the namespaces that were declared to have one value at a time';
COMMENT ON COLUMN entitydb.namespace.dataset IS 'the name of the dataset';
COMMENT ON COLUMN entitydb.namespace.namespace IS 'the namespace, without its final colon; it covers nested ones';
COMMENT ON COLUMN entitydb.namespace.cardinality IS 'one: of the tags of the namespace, the one asserted last holds';
GRANT SELECT ON entitydb.namespace TO PUBLIC;
SELECT pg_catalog.pg_extension_config_dump('entitydb.namespace', '');

CREATE FUNCTION entitydb.declare(face regclass, namespace text, cardinality text) RETURNS bigint
LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'declare_namespace_wrapper';
COMMENT ON FUNCTION entitydb.declare(regclass, text, text)
IS 'internal: declares how many values of a namespace an entity has at a time: one or many; returns how many entities are read differently';

CREATE FUNCTION entitydb.set_cardinality(dataset int4, namespace text, one boolean) RETURNS bigint
LANGUAGE c VOLATILE STRICT AS 'MODULE_PATHNAME', 'set_cardinality_wrapper';
COMMENT ON FUNCTION entitydb.set_cardinality(int4, text, boolean)
IS 'internal: declares the cardinality of a namespace of a dataset that is given by number; for members of its owner';
