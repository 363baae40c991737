-- What the scan answers of clauses on tag columns is what a filter over all rows would answer, errors included.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE COLLATION blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE FOREIGN TABLE thing (
    id text, tags text[], status text, priority int, n numeric, f float8, due timestamptz, day date, mood mood, flag boolean,
    name text COLLATE blind, region text OPTIONS (on_many 'null'), low int OPTIONS (namespace 'many', on_many 'min'),
    high int OPTIONS (namespace 'many', on_many 'max'), labels text[] OPTIONS (namespace 'label'), sizes int[] OPTIONS (namespace 'size'),
    "odd ""column"", %" text OPTIONS (namespace 'o''d:d%'), "select" text, doc jsonb, code varchar(3)
) SERVER entitydb OPTIONS (dataset 'thing');
INSERT INTO thing (id, status, priority, n, f, due, day, mood, flag, name, labels, sizes, "odd ""column"", %", "select", doc, code)
SELECT 'a' || i,
    (ARRAY['open', 'closed', 'Open', NULL, '', 'a:b'])[1 + i % 6], nullif(i % 7, 3),
    (ARRAY[1.0, 1.00, 2, 'NaN', -1.5, NULL])[1 + i % 6], (ARRAY['NaN', 'inf', '-0', '0', 1e-300])[1 + i % 5]::float8,
    '2020-01-01'::timestamptz + i % 9 * interval '1 day', '2020-01-01'::date + i % 5,
    (ARRAY['sad', 'ok', 'happy', NULL]::mood[])[1 + i % 4], (ARRAY[true, false, NULL])[1 + i % 3],
    (ARRAY['Ann', 'ANN', 'bob'])[1 + i % 3], (ARRAY['{}', '{x}', '{x,y}', '{z,X,""}'])[1 + i % 4]::text[],
    (ARRAY['{1}', '{10,9}', NULL])[1 + i % 3]::int[], (ARRAY['%', 'a''b', NULL])[1 + i % 3], (ARRAY['from', 'where'])[1 + i % 2],
    (ARRAY['{"a": 1}', '[]', NULL])[1 + i % 3]::jsonb, (ARRAY['abc', 'a'])[1 + i % 2]
FROM generate_series(1, 60) i;
CREATE FOREIGN TABLE raw (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'thing');
INSERT INTO raw VALUES ('b1', '{n:01.0,n0,priority:007,region:eu,region:us,many:1,many:10,many:9}'), ('b2', '{region:eu,many:5}'), ('b3', '{}');
-- A history of its own: values that nobody has now.
INSERT INTO raw (id, tags) VALUES ('c1', '{status:gone,priority:99}');
DELETE FROM raw WHERE id = 'c1';
CREATE TABLE clause (n serial, text text);
INSERT INTO clause (text) VALUES
    ('status = ''open'''), ('status <> ''open'''), ('NOT status = ''open'''), ('status < ''closed'''), ('status IS NULL'), ('status IS NOT NULL'),
    ('status = ''gone'''), ('status = NULL'), ('status IS DISTINCT FROM ''open'''), ('status IS NOT DISTINCT FROM NULL'),
    ('status IN (''open'', ''closed'')'), ('status NOT IN (''open'', ''closed'')'), ('status NOT IN (''open'', NULL)'), ('status = ANY (NULL::text[])'),
    ('status LIKE ''o%'''), ('status ILIKE ''O%'''), ('status NOT LIKE ''%e%'''), ('status ~ ''^[oc]'''), ('status ^@ ''op'''), ('lower(status) = ''open'''),
    ('status BETWEEN ''a'' AND ''open'''), ('status COLLATE "C" < ''a'''), ('''open'' = status'), ('status = ''Open'' OR priority = 2'),
    ('NOT (status = ''open'' OR priority = 2)'), ('NOT (status = ''open'' AND (priority = 2 OR tags @> ''{label:x}''))'), ('status = name'),
    ('(status = ''open'') IS TRUE'), ('(status = ''open'') IS NOT TRUE'), ('(status = ''open'') IS UNKNOWN'), ('length(status) = 4'), ('status || ''x'' = ''openx'''),
    ('priority = 2'), ('priority > 2'), ('priority BETWEEN 2 AND 5'), ('priority = 2.0'), ('priority IN (1, 2, 99)'), ('priority = ANY (ARRAY[1, NULL])'),
    ('priority <> ALL (''{1,2}'')'), ('10 / priority > 2'), ('10 / nullif(priority, 0) > 2'), ('priority + 1 = 3'), ('priority = 7'), ('abs(priority - 3) < 2'),
    ('n = 1'), ('n = 1.00'), ('n > 1'), ('n <> 1'), ('n = ''NaN'''), ('n < 0 OR n IS NULL'), ('f = ''NaN'''), ('f = 0'), ('f < ''inf'''), ('f > 1e-301'),
    ('due > ''2020-01-03'''), ('due = ''2020-01-03 00:00+00'''), ('due < day'), ('due::date = ''2020-01-02'''), ('day = ''2020-01-02'''), ('day < now()'), ('extract(day FROM day) = 2'),
    ('mood > ''sad'''), ('mood = ''ok'''), ('mood IS NULL'), ('flag'), ('NOT flag'), ('flag IS NULL'), ('flag IS NOT TRUE'), ('flag = false'),
    ('name = ''ann'''), ('name <> ''ann'''), ('name IN (''ANN'', ''x'')'), ('name COLLATE "C" = ''Ann'''),
    ('region = ''eu'''), ('region IS NULL'), ('region <> ''us'''), ('low = 1'), ('high = 10'), ('low < high'), ('low IS NULL'), ('NOT low > 3'),
    ('labels @> ''{x}'''), ('labels @> ''{x,y}'''), ('labels @> ''{}'''), ('NOT labels @> ''{x}'''), ('labels @> ''{x,NULL}'''), ('labels @> NULL'), ('labels && ''{x,z}'''),
    ('NOT labels && ''{x,z}'''), ('labels && ''{}'''), ('labels && ''{NULL}'''), ('''x'' = ANY (labels)'), ('NOT ''x'' = ANY (labels)'), ('''x'' <> ALL (labels)'), ('''y'' > ANY (labels)'),
    ('''y'' >= ALL (labels)'), ('NOT ''y'' >= ALL (labels)'), ('NULL = ANY (labels)'), ('NOT NULL = ANY (labels)'), ('''X'' = ANY (labels)'), ('labels <@ ''{x,y}'''), ('labels = ''{x}'''), ('''{x}'' <@ labels'),
    ('cardinality(labels) = 2'), ('labels IS NULL'), ('labels[1] = ''x'''), ('9 = ANY (sizes)'), ('sizes @> ''{9,10}'''), ('sizes && ''{1}'''), ('NOT sizes && ''{1}'''), ('5 < ALL (sizes)'),
    ('"odd ""column"", %" = ''%'''), ('"odd ""column"", %" LIKE ''a''''%'''), ('"select" = ''from'''), ('doc @> ''{"a":1}'''), ('doc = ''[]'''), ('doc ? ''a'''), ('code = ''a'''), ('code LIKE ''a_c'''),
    ('id > ''a5'' AND status = ''open'''), ('id = ''a1'' AND status = ''closed'''), ('id = ANY (''{a1,b3}'') AND status IS NULL'), ('status = ''open'' AND priority > 2 AND labels @> ''{x}''');
CREATE FUNCTION ids(source text, clause text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    EXECUTE format('SELECT string_agg(id, '','' ORDER BY id COLLATE "C") FROM %s WHERE %s', source, clause) INTO found;
    RETURN coalesce(found, 'none');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE;
END
$$;
CREATE FUNCTION filters(clause text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXECUTE format('EXPLAIN (COSTS off) SELECT id FROM thing WHERE %s', clause) LOOP
        IF line LIKE '%Filter:%' THEN
            RETURN true;
        END IF;
    END LOOP;
    RETURN false;
END
$$;
-- What differs, while all is unsealed, sealed, and some of each. (Nothing does.)
CREATE VIEW differs AS SELECT n, text, ids('thing', text) AS pushed, ids('(SELECT * FROM thing OFFSET 0) thing', text) AS filtered,
    ids('(SELECT count(*)::text AS id FROM thing WHERE ' || text || ') c', 'true') AS counted,
    ids('(SELECT count(*)::text AS id FROM (SELECT * FROM thing OFFSET 0) thing WHERE ' || text || ') c', 'true') AS recounted FROM clause;
SELECT * FROM differs WHERE pushed <> filtered OR counted <> recounted ORDER BY n;
-- What is answered, and which clauses are filtered locally.
SELECT n, text, CASE WHEN pushed ~ '^[0-9]' THEN pushed ELSE 1 + length(pushed) - length(replace(pushed, ',', '')) || left(' ' || pushed, 12) END AS answer,
    filters(text) AS filters FROM differs ORDER BY n;
SELECT count(*) > 0 AS sealed FROM entitydb.seal('thing');
SELECT * FROM differs WHERE pushed <> filtered OR counted <> recounted ORDER BY n;
UPDATE thing SET status = 'closed', labels = labels || '{q}' WHERE id LIKE 'a1%';
UPDATE thing SET priority = NULL WHERE status = 'open';
SELECT * FROM differs WHERE pushed <> filtered OR counted <> recounted ORDER BY n;
-- As of an instant, and in versions.
SELECT count(*) FROM (SELECT t.* FROM thing t WHERE entitydb.at(t.tableoid, '2000-01-01', NULL)) t WHERE status = 'open';
CREATE FOREIGN TABLE version (id text, status text, priority int, labels text[] OPTIONS (namespace 'label'), version bigint)
SERVER entitydb OPTIONS (dataset 'thing', shape 'version');
SELECT text FROM clause WHERE text ~ '^(NOT )?(status|priority|labels)' AND text !~ 'name|tags|region'
    AND ids('version', text) <> ids('(SELECT * FROM version OFFSET 0) version', text);
SELECT version, status FROM version WHERE id = 'a12' AND status = 'closed' ORDER BY version;
-- Several values of a scalar column, and values that the type cannot read: an error where such a row would be looked at.
INSERT INTO raw VALUES ('m', '{status:open,status:closed,kind:m}'), ('u', '{priority:high,kind:u,size:x,status:u,day:2020-13-01}');
CREATE TABLE looked (n serial, text text);
INSERT INTO looked (text) VALUES
    ('status = ''open'''), ('status = ''gone'''), ('status <> ''open'''), ('status IS NULL'), ('status = ''u'' AND tags @> ''{kind:u}'''), ('tags @> ''{kind:u}'' AND status = ''x'''),
    ('priority = 2'), ('priority IS NULL'), ('9 = ANY (sizes)'), ('sizes && ''{9}'''), ('NOT sizes && ''{9}'''), ('tags @> ''{kind:m}'' AND priority = 2'),
    ('tags @> ''{kind:m}'' AND 9 = ANY (sizes)'), ('day = ''2020-01-02'''), ('labels @> ''{x}'''), ('region = ''eu'''), ('id = ''m'' AND priority IS NULL'), ('id = ''m'' AND status = ''x''');
SELECT l.text, left(ids('thing', text), 20) AS pushed, left(ids('(SELECT * FROM thing OFFSET 0) thing', text), 20) AS filtered FROM looked l ORDER BY n;
-- Parameters, joins, and values of the session.
DELETE FROM raw WHERE id IN ('m', 'u');
PREPARE by_status(text, int) AS SELECT count(*) FROM thing WHERE status = $1 AND priority > $2;
SET plan_cache_mode = 'force_generic_plan';
EXPLAIN (COSTS off) EXECUTE by_status('closed', 2);
EXECUTE by_status('closed', 2);
EXECUTE by_status('Open', NULL);
EXECUTE by_status('a:b', -1);
RESET plan_cache_mode;
CREATE TABLE wanted (status text, priority int);
INSERT INTO wanted VALUES ('open', 1), ('closed', 2), (NULL, 3), ('a:b', 4);
ANALYZE wanted;
SET enable_hashjoin = off;
SET enable_mergejoin = off;
SET enable_material = off;
EXPLAIN (COSTS off) SELECT w.status, count(t.id) FROM wanted w LEFT JOIN thing t ON t.status = w.status GROUP BY w.status;
SELECT w.status, count(t.id) FROM wanted w LEFT JOIN thing t ON t.status = w.status GROUP BY w.status ORDER BY w.status;
SELECT w.status, (SELECT count(*) FROM thing t WHERE t.status = w.status AND t.priority < w.priority) FROM wanted w ORDER BY w.status;
RESET enable_hashjoin;
RESET enable_mergejoin;
RESET enable_material;
-- EXPLAIN shows what the scan answers.
EXPLAIN (COSTS off) SELECT id FROM thing WHERE status = 'open' AND priority BETWEEN 2 AND 5 AND NOT labels @> '{x}' AND cardinality(labels) > 1;
EXPLAIN (COSTS off) SELECT count(*) FROM thing WHERE status IN ('open', 'closed') AND due > '2020-01-01';
-- A security barrier hides values, too.
CREATE FUNCTION leak(text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
CREATE VIEW shown WITH (security_barrier) AS SELECT * FROM thing WHERE status = 'a:b';
EXPLAIN (COSTS off) SELECT id FROM shown WHERE 10 / priority > 100;
-- A namespace of as many values as entities is looked up where that is fast, and else read through.
CREATE FOREIGN TABLE wide (id text, email text, tags text[]) SERVER entitydb OPTIONS (dataset 'wide');
SET entitydb.bulk_threshold = 100;
INSERT INTO wide (id, email) SELECT 'w' || n, CASE WHEN n % 100 = 0 THEN NULL ELSE 'user' || n || '@example.com' END FROM generate_series(1, 3000) n;
RESET entitydb.bulk_threshold;
CREATE VIEW wide_differs AS SELECT c.text, ids('(SELECT count(*)::text AS id FROM wide WHERE ' || c.text || ') c', 'true') AS pushed,
    ids('(SELECT count(*)::text AS id FROM (SELECT * FROM wide OFFSET 0) w WHERE ' || c.text || ') c', 'true') AS filtered
FROM (VALUES ('email = ''user77@example.com'''), ('email <> ''user77@example.com'''), ('email LIKE ''user77%'''), ('email IS NULL'), ('NOT email < ''user5''')) c (text);
SELECT * FROM wide_differs;
SELECT entity_drop('wide');
SELECT entity_create('wide', 'email text');
SET entitydb.bulk_threshold = 100;
INSERT INTO wide (id, email) SELECT 'w' || n, CASE WHEN n % 100 = 0 THEN NULL ELSE 'user' || n || '@example.com' END FROM generate_series(1, 3000) n;
RESET entitydb.bulk_threshold;
SELECT * FROM wide_differs;
