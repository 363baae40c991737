-- The marker of the as_of functions, written by hand: right where the scan takes it, 0A000 everywhere else.
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_put('a', '{x}', at => '2020-01-01'), entity_put('b', '{x,y}', at => '2020-02-01'), entity_delete('a', at => '2020-03-01');
CREATE TABLE day (day timestamptz);
INSERT INTO day VALUES ('2020-01-15'), ('2020-02-15'), ('2020-03-15'), (NULL);
SELECT e.id FROM entity e WHERE entitydb.at(e.tableoid, '2020-02-15', NULL) ORDER BY e.id;
SELECT d.day, e.id FROM day d LEFT JOIN entity e ON entitydb.at(e.tableoid, d.day, NULL) ORDER BY 1, 2;
\set VERBOSITY sqlstate
SELECT entitydb.at(tableoid, now(), NULL) FROM entity;
SELECT id FROM entity WHERE NOT entitydb.at(tableoid, now(), NULL);
SELECT id FROM entity WHERE entitydb.at(tableoid, now(), NULL) OR id = 'a';
SELECT id FROM entity WHERE entitydb.at(tableoid, now(), NULL) AND entitydb.at(tableoid, now(), NULL);
SELECT id FROM entity WHERE entitydb.at(0, now(), NULL);
SELECT id FROM entity WHERE entitydb.at(tableoid, created_at, NULL);
SELECT id FROM entity_event WHERE entitydb.at(tableoid, now(), NULL);
SELECT relname FROM pg_class WHERE entitydb.at(tableoid, now(), NULL);
SELECT e.id FROM entity e LEFT JOIN day d ON entitydb.at(e.tableoid, d.day, NULL);
SELECT e.id FROM entity e LEFT JOIN day d ON true WHERE entitydb.at(e.tableoid, d.day, NULL);
SELECT e.id FROM entity e WHERE EXISTS (SELECT FROM day d WHERE entitydb.at(e.tableoid, d.day, NULL));
-- Rows of another instant are not what a write would change.
UPDATE entity SET tags = '{z}' WHERE entitydb.at(tableoid, '2020-01-15', NULL);
DELETE FROM entity WHERE entitydb.at_ns(tableoid, 0);
SELECT id FROM entity WHERE entitydb.at(tableoid, 'infinity', NULL) FOR UPDATE;
SELECT id, tags FROM entity;
UPDATE entity e SET tags = e.tags || o.tags || '{z}' FROM entity_as_of('2020-01-15') o WHERE o.id = 'a' AND e.id = 'b' RETURNING e.id, e.tags, o.id;
