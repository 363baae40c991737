-- Writers of a dataset are announced where its owner wants it. (That the notification arrives is tests/cluster/changes'.)
SELECT entitydb.set_notify('entity', true);
SELECT name, notify FROM entitydb.dataset;
-- As with any NOTIFY, such a transaction cannot be prepared; and one that wrote nothing can.
BEGIN;
SELECT entity_untag('nobody', 'x');
PREPARE TRANSACTION 'notify';
ROLLBACK PREPARED 'notify';
BEGIN;
SELECT entity_put('a', '{}');
PREPARE TRANSACTION 'notify';
SELECT count(*) FROM entity;
BEGIN;
SELECT entitydb.set_notify('entity', false);
SELECT entity_put('a', '{}');
PREPARE TRANSACTION 'notify';
ROLLBACK PREPARED 'notify';
BEGIN;
SELECT entitydb.set_notify('entity', false);
ROLLBACK;
SELECT notify FROM entitydb.dataset;
-- TRUNCATE keeps it; a transaction may do both.
BEGIN;
TRUNCATE entity;
SELECT entitydb.set_notify('entity', false);
COMMIT;
SELECT notify, truncated_tx IS NOT NULL AS truncated FROM entitydb.dataset;
SELECT entitydb.set_notify('entity', true);
TRUNCATE entity;
SELECT notify FROM entitydb.dataset;
SELECT entitydb.set_notify('entity', NULL);
SELECT entitydb.set_notify(NULL, true);
SELECT entitydb.set_notify('nothing', true);
CREATE ROLE regress_stranger;
SET ROLE regress_stranger;
SELECT entitydb.set_notify('entity', false);
RESET ROLE;
DROP ROLE regress_stranger;
