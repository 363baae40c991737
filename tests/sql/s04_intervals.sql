-- S4: a cardinality, once declared, is a rule of reading for versions and intervals too, also of what was stored before; and for
-- writes at any instant. Unsealed, sealed or half of both.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_create('unsealed'), entity_create('half'), entity_create('sealed');
CREATE FUNCTION write_facts(facts text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
    FOREACH d IN ARRAY '{unsealed,half,sealed}'::text[] LOOP
        EXECUTE format('INSERT INTO %I (id, ts, op, tag) VALUES %s', d || '_event', facts);
    END LOOP;
END
$$;
SELECT write_facts($$('a', '2020-01-01', 'assert', 'status:new'), ('a', '2020-02-01', 'assert', 'status:open'),
    ('a', '2020-03-01', 'assert', 'status:new'), ('a', '2020-04-01', 'retract', 'status:new'), ('b', '2020-01-01', 'assert', 'status:open')$$);
SELECT entitydb.seal('half') > 0 AND entitydb.seal('sealed') > 0 AS sealed;
SELECT id, tags, valid_from::date, valid_to::date FROM half_version ORDER BY id, version;
SELECT unsealed_namespace('status', 'one'), half_namespace('status', 'one'), sealed_namespace('status', 'one');
SELECT id, tags, valid_from::date, valid_to::date FROM half_version ORDER BY id, version;
SELECT id, tag, valid_from::date, valid_to::date FROM half_tag ORDER BY id, valid_from, tag;
-- A value in the past lasts until the next one of its namespace.
SELECT write_facts($$('a', '2020-01-15', 'assert', 'status:triaged'), ('b', '2020-05-01', 'assert', 'status:new')$$);
SELECT entitydb.seal('sealed') > 0 AS sealed;
SELECT id, tags, valid_from::date, valid_to::date FROM half_version ORDER BY id, version;
SELECT id, tag, valid_from::date, valid_to::date FROM half_tag WHERE tag ^@ 'status:' ORDER BY id, valid_from, tag;
SELECT id, valid_from::date FROM half_version WHERE tags @> '{status:triaged}';
SELECT count(*) FROM half_version WHERE tags @> '{status:triaged,status:new}';
CREATE FUNCTION differ() RETURNS bigint LANGUAGE sql AS $$
    SELECT (SELECT count(*) FROM (TABLE half_version EXCEPT ALL TABLE unsealed_version) s)
        + (SELECT count(*) FROM (TABLE unsealed_version EXCEPT ALL TABLE sealed_version) s)
        + (SELECT count(*) FROM (TABLE half_tag EXCEPT ALL TABLE unsealed_tag) s)
        + (SELECT count(*) FROM (SELECT * FROM unsealed_tag WHERE tag = 'status:new' EXCEPT ALL SELECT * FROM sealed_tag WHERE tag = 'status:new') s)
        + (SELECT count(*) FROM (SELECT * FROM sealed_tag WHERE tag ^@ 'status:' EXCEPT ALL SELECT * FROM half_tag WHERE tag ^@ 'status:') s)
$$;
SELECT differ();
-- Declared many again, what was stored is read as before.
SELECT unsealed_namespace('status', 'many'), half_namespace('status', 'many'), sealed_namespace('status', 'many');
SELECT id, tags, valid_from::date, valid_to::date FROM sealed_version ORDER BY id, version;
SELECT id, tag, valid_from::date, valid_to::date FROM sealed_tag WHERE tag = 'status:open' ORDER BY id;
SELECT differ();
