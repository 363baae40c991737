-- S4, S5, S6: versions and intervals of tags follow from the order of (ts, seq), whatever was recorded first and wherever it is
-- stored: unsealed, sealed, or half of both.
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never
SELECT entity_create('unsealed'), entity_create('half'), entity_create('sealed');
CREATE FUNCTION write_facts(facts text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE d text;
BEGIN
    FOREACH d IN ARRAY '{unsealed,half,sealed}'::text[] LOOP
        EXECUTE format('INSERT INTO %I (id, ts, op, tag, content) VALUES %s', d || '_event', facts);
    END LOOP;
END
$$;
-- Out of order, redundant, taken back, ended and begun again; some at one instant.
SELECT write_facts($$('a', '2020-06-01', 'retract', 'x', NULL), ('a', '2020-01-01', 'assert', 'x', NULL),
    ('a', '2020-01-01', 'assert', 'y', NULL), ('b', '2020-03-01', 'create', NULL, NULL), ('b', '2020-03-01', 'content', NULL, '\x01'),
    ('c', '2020-01-01', 'assert', 'n:1', NULL), ('c', '2020-02-01', 'assert', 'n:2', NULL), ('e', '2020-01-01', 'retract', 'x', NULL)$$);
SELECT entitydb.seal('half') > 0 AND entitydb.seal('sealed') > 0 AS sealed;
SELECT write_facts($$('a', '2020-03-01', 'assert', 'x', NULL), ('a', '2020-06-01', 'assert', 'x', NULL), ('a', '2020-04-01', 'delete', NULL, NULL),
    ('a', '2020-04-01', 'assert', 'y', NULL), ('b', '2020-05-01', 'content', NULL, '\x01'), ('b', '2020-06-01', 'content', NULL, NULL),
    ('b', '2020-07-01', 'delete', NULL, NULL), ('c', '2020-01-15', 'assert', 'n:0', NULL), ('d', '2100-01-01', 'assert', 'x', NULL)$$);
SELECT entitydb.seal('sealed') > 0 AS sealed;
SELECT write_facts($$('b', '2020-07-01', 'cancel', NULL, NULL), ('b', '2020-08-01', 'retract', 'x', NULL), ('d', '2100-01-01', 'retract', 'x', NULL),
    ('d', '2100-01-01', 'assert', 'z', NULL), ('c', '2020-02-01', 'retract', 'n:2', NULL)$$);
SELECT entitydb.seal('sealed') > 0, entitydb.compact('sealed') > 0;
SELECT * FROM unsealed_version ORDER BY id, version;
SELECT * FROM unsealed_tag ORDER BY id, tag, valid_from;
-- All three say the same, also where the scan selects.
CREATE FUNCTION number(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint;
BEGIN
    EXECUTE 'SELECT count(*) FROM (' || query || ') s' INTO n;
    RETURN n;
END
$$;
SELECT f AS face, c AS condition, number(format('SELECT * FROM %I WHERE %s', 'unsealed' || f, c)) AS unsealed,
    number(format('SELECT * FROM %I WHERE %s INTERSECT SELECT * FROM %I WHERE %s', 'half' || f, c, 'unsealed' || f, c)) AS half,
    number(format('SELECT * FROM %I WHERE %s INTERSECT SELECT * FROM %I WHERE %s', 'sealed' || f, c, 'unsealed' || f, c)) AS sealed
FROM (VALUES ('_version', 'tags @> ''{x}'''), ('_version', 'tags && ''{y,z}'''), ('_version', 'NOT tags @> ''{x}'''),
    ('_version', 'entity_has_tag(tags, ''n:*'')'), ('_version', 'tags @> ''{x,y}'''), ('_version', 'valid_to IS NULL'),
    ('_version', 'valid_from >= ''2020-05-01'''), ('_version', 'NOT valid_to > ''2020-05-01'''),
    ('_tag', 'tag = ''x'''), ('_tag', 'tag ^@ ''n:'''), ('_tag', 'tag <> ''x'''), ('_tag', 'tag IN (''y'', ''z'')'),
    ('_tag', 'valid_to IS NULL'), ('_tag', 'valid_from < ''2020-05-01'' AND NOT valid_to <= ''2020-03-01''')) v (f, c);
SELECT count(*) FROM (TABLE half_version EXCEPT ALL TABLE unsealed_version) s;
SELECT count(*) FROM (TABLE sealed_version EXCEPT ALL TABLE unsealed_version) s;
SELECT count(*) FROM (TABLE half_tag EXCEPT ALL TABLE unsealed_tag) s;
SELECT count(*) FROM (TABLE sealed_tag EXCEPT ALL TABLE unsealed_tag) s;
-- A version and the tags that hold in it are what the state was then.
SELECT count(*) AS differ FROM unsealed_version v
LEFT JOIN LATERAL unsealed_as_of(v.valid_from) s ON s.id = v.id
WHERE s.tags IS DISTINCT FROM v.tags OR s.content IS DISTINCT FROM v.content;
SELECT v.id, v.version FROM unsealed_version v
WHERE v.tags IS DISTINCT FROM ARRAY(SELECT t.tag FROM unsealed_tag t WHERE t.id = v.id AND t.valid_from <= v.valid_from
    AND (t.valid_to > v.valid_from OR t.valid_to IS NULL) ORDER BY t.tag);
