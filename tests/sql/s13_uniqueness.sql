-- S13: INSERT of an id that exists then, or at any later known instant, is 23505.
SET timezone = 'UTC';
INSERT INTO entity (id, created_at) VALUES ('a', '2010-01-01');
\set VERBOSITY sqlstate
INSERT INTO entity (id) VALUES ('a');
INSERT INTO entity (id, created_at) VALUES ('a', '2005-01-01');
INSERT INTO entity (id, created_at) VALUES ('a', '2015-01-01');
INSERT INTO entity (id) VALUES ('new'), ('new');
\set VERBOSITY default
INSERT INTO entity (id) VALUES ('a'), ('b') ON CONFLICT DO NOTHING;
SELECT id FROM entity ORDER BY id;

-- After its end an id is free again, but not for an instant before what is known.
SELECT entity_delete('a', at => '2012-01-01');
\set VERBOSITY sqlstate
INSERT INTO entity (id, created_at) VALUES ('a', '2009-01-01');
INSERT INTO entity (id, created_at) VALUES ('a', '2011-12-31');
\set VERBOSITY default
INSERT INTO entity (id, created_at) VALUES ('a', '2012-01-01') RETURNING id;
-- Scheduled existence counts.
INSERT INTO entity (id, created_at) VALUES ('s', '2200-01-01');
INSERT INTO entity (id) VALUES ('s') ON CONFLICT DO NOTHING;
\set VERBOSITY sqlstate
INSERT INTO entity (id) VALUES ('s');
-- Sealed and loaded ids count all the same.
SELECT entitydb.seal('entity') > 0 AS sealed;
INSERT INTO entity (id) VALUES ('b');
SET entitydb.bulk_threshold = 0;
INSERT INTO entity (id) SELECT x FROM unnest('{c,b}'::text[]) x;
INSERT INTO entity (id) SELECT x FROM unnest('{c,c}'::text[]) x;
SELECT count(*) FROM entity_as_of('2250-01-01');
