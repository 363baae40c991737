-- S9: intervals are half-open; an end that is displayed, read as an instant, is where the next state begins. Ns are exact, and
-- floored where a timestamptz shows them.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE FOREIGN TABLE versions (id text, tags text[], valid_from timestamptz, valid_from_ns bigint, valid_to timestamptz,
    valid_to_ns bigint, version bigint) SERVER entitydb OPTIONS (dataset 'entity', shape 'version');
CREATE FOREIGN TABLE tags (id text, tag text, valid_from_ns bigint, valid_to_ns bigint, valid_to timestamptz) SERVER entitydb
    OPTIONS (dataset 'entity', shape 'tag');
-- The earliest instant, two within one microsecond, one before 1970, the latest.
INSERT INTO entity_event (id, ts_ns, op, tag) VALUES ('a', -9214560000000000000, 'assert', 'first'),
    ('a', -1, 'assert', 'before'), ('a', 1000, 'retract', 'before'), ('a', 1999, 'assert', 'within'),
    ('a', 9214646399999999999, 'assert', 'last');
SELECT * FROM versions ORDER BY version;
SELECT * FROM tags ORDER BY valid_from_ns;
SELECT version FROM versions WHERE valid_from = '1970-01-01 00:00:00.000001' ORDER BY version;
SELECT version FROM versions WHERE valid_from <> '1970-01-01 00:00:00.000001' ORDER BY version;
SELECT version FROM versions WHERE valid_from > '1970-01-01 00:00:00.000001' ORDER BY version;
SELECT version FROM versions WHERE valid_to <= '1969-12-31 23:59:59.999999' ORDER BY version;
SELECT version FROM versions WHERE valid_to_ns = 1999;
SELECT version FROM versions WHERE valid_from_ns BETWEEN -1 AND 1000 ORDER BY version;
SELECT version FROM versions WHERE valid_to < 'infinity' ORDER BY version;
SELECT count(*) FROM versions WHERE valid_from > 'infinity' OR valid_from < '-infinity';
SELECT count(*) FROM versions WHERE valid_from BETWEEN '-infinity' AND 'infinity';
SELECT count(*) FROM versions WHERE valid_from = NULL;
SELECT count(*) FROM versions WHERE id = NULL;
SELECT v.version, s.tags = v.tags AS same FROM versions v LEFT JOIN LATERAL entity_as_of_ns(v.valid_from_ns) s ON s.id = v.id
ORDER BY 1;
SELECT v.version, n.tags = s.tags AS next FROM versions v JOIN versions n ON n.version = v.version + 1
LEFT JOIN LATERAL entity_as_of_ns(v.valid_to_ns) s ON s.id = v.id ORDER BY 1;
