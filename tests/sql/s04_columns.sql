-- S4: a column of a state face that is not a fixed one shows the values of a namespace.
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN small AS int CHECK (VALUE < 100);
CREATE FOREIGN TABLE thing (
    id text, tags text[],
    status text,
    priority int,
    labels text[] OPTIONS (namespace 'label'),
    sizes int[] OPTIONS (namespace 'size'),
    "rbac:role" text,
    rbac text[],
    due timestamptz,
    mood mood OPTIONS (on_many 'max'),
    level small OPTIONS (on_many 'min'),
    region varchar(10) OPTIONS (on_many 'null')
) SERVER entitydb OPTIONS (dataset 'thing');
CREATE FOREIGN TABLE thing_raw (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'thing');
INSERT INTO thing_raw VALUES
    ('a', '{status:open,priority:7,label:b,label:a,size:10,size:9,rbac:role:admin,"due:2020-02-03 12:00:00+02",loose}'),
    ('b', '{status,statuses:x,priority,label,size:1}'),
    ('c', '{status:,mood:sad,mood:happy,mood:ok,level:70,level:8,region:eu,region:us}'),
    ('d', '{priority:007,"status:a:b","label:x:y",region:eu}');
-- One value, none is NULL; of an array all values in the order of its type, none is {}.
SELECT id, status, priority, labels, sizes, due FROM thing ORDER BY id;
-- The value of a namespace is all the rest of the tag; a namespace may be nested.
SELECT id, status, labels, "rbac:role", rbac FROM thing WHERE id IN ('a', 'd') ORDER BY id;
-- Several values: an error, or what on_many says.
SELECT id, mood, level, region FROM thing ORDER BY id;
INSERT INTO thing_raw VALUES ('m', '{status:one,status:two,priority:high,level:200,sizes:x,size:x}');
\set SHOW_CONTEXT never
SELECT status FROM thing WHERE id = 'm';
\echo :SQLSTATE
-- What the type cannot read is an error that names id and tag; a column that nobody looks at is none.
SELECT priority FROM thing WHERE id = 'm';
\echo :SQLSTATE
SELECT level FROM thing WHERE id = 'm';
SELECT sizes FROM thing WHERE id = 'm';
SELECT id, tags FROM thing WHERE id = 'm';
SELECT id, status, priority FROM thing WHERE id <> 'm' ORDER BY id;
DELETE FROM thing WHERE id = 'm';
-- Sealed, all is the same.
SELECT entitydb.seal('thing') > 0 AS sealed;
SELECT id, status, priority, labels, sizes, due, mood, level, region FROM thing ORDER BY id;
-- The text form of values does not depend on the session.
SET datestyle = 'German';
SET timezone = 'America/New_York';
SET intervalstyle = 'iso_8601';
SET extra_float_digits = -10;
SET bytea_output = 'escape';
CREATE FOREIGN TABLE form (id text, tags text[], t timestamptz, d date, i interval, f float8, b bytea, n numeric)
SERVER entitydb OPTIONS (dataset 'form');
INSERT INTO form VALUES ('a', NULL, '2020-07-01 12:00', '2020-07-01', '1 day 2 hours', 0.1::float8 + 0.2, '\x00ff', 1.50);
INSERT INTO form VALUES ('b', NULL, 'infinity', '-infinity', '-1 mon', 'NaN', '', 'NaN');
SELECT id, tags FROM form ORDER BY id;
SELECT * FROM form ORDER BY id;
RESET datestyle;
RESET timezone;
RESET intervalstyle;
RESET extra_float_digits;
RESET bytea_output;
SELECT id, t = '2020-07-01 12:00 America/New_York' AS t, d, i, f, b, n FROM form ORDER BY id;
SHOW datestyle;
