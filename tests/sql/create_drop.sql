-- entity_create and entity_drop: all of a dataset, in the current schema, transactionally.
\set SHOW_CONTEXT never
CREATE SCHEMA shop;
SET search_path = shop, public;
SELECT entity_create('order "x''');
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'shop'::regnamespace ORDER BY 1;
SELECT p.oid::regprocedure FROM pg_proc p WHERE p.pronamespace = 'shop'::regnamespace ORDER BY p.oid::regprocedure::text COLLATE "C";
SELECT dataset, segments, events FROM entitydb.stat_dataset ORDER BY dataset COLLATE "C";
SELECT entity_create('order "x''');
SELECT entity_create(repeat('n', 45));
SELECT entity_create(repeat('n', 44));
BEGIN;
SELECT entity_drop('order "x''');
SELECT count(*) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relname LIKE 'order%';
ROLLBACK;
SELECT count(*) FROM pg_class WHERE relnamespace = 'shop'::regnamespace AND relname LIKE 'order%';
SELECT entity_drop('order "x''');
SELECT entity_drop(repeat('n', 44));
SELECT entity_drop('order "x''');
SELECT entity_drop('order "x''', if_exists => true);
SELECT count(*) FROM pg_class WHERE relnamespace = 'shop'::regnamespace;
SELECT count(*) FROM pg_proc WHERE pronamespace = 'shop'::regnamespace;
SELECT entitydb.make_functions('pg_class');
SELECT entity_create(NULL);
SELECT entity_create('');
-- The faces and functions belong to the caller; others have no right to the dataset.
CREATE ROLE regress_entity_maker;
CREATE ROLE regress_entity_other;
GRANT CREATE, USAGE ON SCHEMA shop TO regress_entity_maker, regress_entity_other;
SET ROLE regress_entity_maker;
SELECT entity_create('mine');
SELECT dataset, owner FROM entitydb.stat_dataset WHERE dataset = 'mine';
SET ROLE regress_entity_other;
SELECT entity_drop('mine');
SELECT * FROM mine_facets('type');
SELECT mine_put('a', '{}');
SELECT mine_delete('a');
SELECT entitydb.make_dataset('x', 10);
SELECT entitydb.seal('mine');
SET ROLE regress_entity_maker;
SELECT entity_drop('mine');
RESET ROLE;
DROP SCHEMA shop CASCADE;
DROP ROLE regress_entity_maker, regress_entity_other;
-- The default dataset, which CREATE EXTENSION made, goes like any other, and can be made again.
SELECT entity_drop('entity');
SELECT count(*) FROM entitydb.stat_dataset;
SELECT entity_create('entity');
SELECT entity_put('a', '{x}', at => '2020-01-01');
SELECT id, tags FROM entity;
-- Dumps hold faces and events, and nothing of how they are stored: every relation of the catalog is the extension's.
SELECT entity_create('dumped');
SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'entitydb'::regnamespace AND c.relkind IN ('r', 'S', 'v')
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e');
SELECT entity_drop('dumped');
CREATE SCHEMA "od d";
SET client_min_messages = warning;
DROP EXTENSION entitydb CASCADE;
CREATE EXTENSION entitydb SCHEMA "od d";
SELECT unnest(extconfig)::regclass::text FROM pg_extension WHERE extname = 'entitydb' ORDER BY 1;
SET search_path = "od d";
SELECT entity_put('a', '{x}');
SELECT entity_drop('entity');
SELECT unnest(extconfig)::regclass::text FROM pg_extension WHERE extname = 'entitydb' ORDER BY 1;
