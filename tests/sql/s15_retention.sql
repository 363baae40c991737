-- S15: retention has a floor; at and above it every answer is as before, below it reading and writing are errors.
SET timezone = 'UTC';
SELECT entity_create('log');
SELECT log_snapshot() AS older \gset
INSERT INTO log (id, tags, content, created_at) VALUES ('a', '{type:log,s:new}', 'a0', '2001-01-01'),
    ('b', '{type:log,s:new}', 'b0', '2001-01-01'), ('c', '{type:user}', 'c0', '2001-01-01'),
    ('gone', '{type:log}', 'g0', '2001-01-01');
SELECT log_set('a', 's', 'open', '2002-01-01'), log_set('a', 's', 'done', '2003-01-01'), log_tag('a', 'late', '2030-01-01');
SELECT log_put('b', NULL, 'b1', '2003-06-01'), log_delete('gone', '2002-01-01');
-- Other transactions of the server may be open: a token that does not know of them all is refused too.
SELECT concat(pg_snapshot_xmax(log_snapshot()), ':', pg_snapshot_xmax(log_snapshot()), ':') AS token \gset
CREATE TABLE before AS SELECT 1 AS n, * FROM log_as_of('2005-01-01') UNION ALL SELECT 2, * FROM log
    UNION ALL SELECT 3, * FROM log_as_of('2031-01-01');

-- All entities: one floor of the dataset, here some days of 2004; until it is applied nothing changes.
BEGIN;
SELECT entitydb.set_retention('log', keep => now() - timestamptz '2004-06-01');
SELECT dataset, tags, keep IS NOT NULL AS has_keep, keep_versions FROM entitydb.retention;
SELECT id FROM log_as_of('2002-06-01') ORDER BY id;
COMMIT;
SELECT entitydb.seal('log') IS NOT NULL AS sealed, entitydb.compact('log') IS NOT NULL AS compacted;
SELECT * FROM before EXCEPT (SELECT 1 AS n, * FROM log_as_of('2005-01-01') UNION ALL SELECT 2, * FROM log
    UNION ALL SELECT 3, * FROM log_as_of('2031-01-01'));
SELECT id, tags, created_at, updated_at FROM log ORDER BY id;
SELECT id, ts, op, tag FROM log_event WHERE op <> 'content' ORDER BY id, ts, seq;
SELECT id, tag, valid_from, valid_to FROM log_tag ORDER BY id, tag, valid_from;
SELECT id, tags, valid_from, valid_to FROM log_version ORDER BY id, valid_from;
SELECT count(*) FROM log_history('a', '2005-01-01'), log_timeline('2005-01-01');
SELECT count(*) > 0 AS shows_what_is_there FROM log_history('a');

-- Below the floor.
\set VERBOSITY sqlstate
SELECT count(*) FROM log_as_of('2002-06-01');
SELECT count(*) FROM log_as_of('2002-06-01') WHERE id = 'a';
SELECT id FROM log_as_of('2002-06-01') WHERE tags @> '{type:log}';
SELECT * FROM log_as_of_ns(entitydb.ns('2002-06-01'::timestamptz));
SELECT * FROM log_as_of_snapshot(log_snapshot(), '2002-06-01');
SELECT * FROM log_history('a', '2002-06-01');
SELECT * FROM log_history('a', until => '2002-06-01');
SELECT * FROM log_timeline('2002-06-01');
SELECT * FROM log_diff('a', '2002-06-01', '2020-01-01');
SELECT * FROM log_diff_set('{type:log}', '2002-06-01', '2020-01-01');
SELECT * FROM log_facets('s', at => '2002-06-01');
SELECT * FROM log_trend('{type:log}', '2002-06-01', '2020-01-01', '1 year');
SELECT * FROM log_related('a', 'x', '2002-06-01');
SET entitydb.as_of = '2002-06-01';
SELECT count(*) FROM log;
SELECT count(*) FROM log_tag;
SELECT count(*) FROM log_event;
RESET entitydb.as_of;
-- Older tokens and system instants.
SELECT * FROM log_as_of_snapshot(:'older', '2020-01-01');
SELECT * FROM log_changes(:'older');
SELECT * FROM log_as_of_snapshot(:'token', '2020-01-01');
SELECT * FROM log_changes(:'token');
SELECT * FROM log_as_of('2020-01-01', now() - interval '1 day');
SELECT count(*) FROM log_as_of('2020-01-01', now());
-- Writes.
SELECT log_tag('a', 'x', '2002-06-01');
SELECT log_put('new', '{x}', NULL, '2002-06-01');
INSERT INTO log (id, created_at) VALUES ('new', '2002-06-01');
-- What they would change is not known, so that it cannot be said that they change nothing.
SELECT log_untag('a', 'x', '2002-06-01');
SELECT log_untag('nobody', 'x', '2002-06-01');
SELECT log_tag('nobody', 'x', '2002-06-01');
SELECT log_delete('a', '2002-06-01');
SELECT log_clear_content('a', '2002-06-01');
SELECT log_put('a', NULL, NULL, '2002-06-01');
UPDATE log SET updated_at = '2003-12-01' WHERE id = 'a';
INSERT INTO log_event (id, ts, tag) VALUES ('new', '2002-06-01', 'x');
SET entitydb.bulk_threshold = 0;
INSERT INTO log_event (id, ts, tag) SELECT 'new', '2002-06-01'::timestamptz, 'x' FROM generate_series(1, 2);
RESET entitydb.bulk_threshold;
\set VERBOSITY default
DO $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY['SELECT log_tag(''a'', ''x'', ''2002-06-01'')', 'SELECT count(*) FROM log_as_of(''2002-06-01'')',
        'SELECT count(*) FROM log_as_of(''2020-01-01'', now() - interval ''1 day'')'] LOOP
        BEGIN
            EXECUTE statement;
        EXCEPTION WHEN OTHERS THEN
            RAISE NOTICE '%: %', SQLSTATE, regexp_replace(SQLERRM, '( at |system time ).*?( is|$)', '\1..\2', 'g');
        END;
    END LOOP;
END
$$;
SELECT log_tag('a', 'x', '2010-06-01'), log_untag('a', 'x', '2010-07-01');
SELECT count(*) FROM log_history('a', '2010-01-01', '2011-01-01');

-- Cleared, the floor stays where it is.
SELECT entitydb.set_retention('log', NULL);
SELECT count(*) FROM entitydb.retention;
SELECT entitydb.compact('log') IS NOT NULL AS compacted;
\set VERBOSITY sqlstate
SELECT count(*) FROM log_as_of('2002-06-01');
\set VERBOSITY default

-- By tags: each entity that lost events has a floor of its own.
SELECT entity_create('mixed');
INSERT INTO mixed (id, tags, created_at) VALUES ('l', '{type:log,s:a}', '2001-01-01'), ('u', '{type:user,s:a}', '2001-01-01'),
    ('h', '{type:log,s:a,case:7}', '2001-01-01');
SELECT mixed_set(id, 's', 'b', '2002-01-01'), mixed_set(id, 's', 'c', '2003-01-01') FROM unnest('{l,u,h}'::text[]) id;
SELECT entitydb.hold('mixed', '{case:7}'), entitydb.hold('mixed', '{case:7}');
SELECT entitydb.set_retention('mixed', now() - timestamptz '2004-06-01', '{type:log}');
SELECT * FROM entitydb.holds;
SELECT entitydb.seal('mixed') IS NOT NULL AS sealed, entitydb.compact('mixed') IS NOT NULL AS compacted;
SELECT id, count(*) FROM mixed_event GROUP BY id ORDER BY id;
SELECT id, tags FROM mixed_as_of('2002-06-01') WHERE id IN ('u', 'h') ORDER BY id;
SELECT count(*) FROM mixed_history('h', '2001-06-01');
SELECT mixed_tag('u', 'early', '2001-06-01');
\set VERBOSITY sqlstate
SELECT id, tags FROM mixed_as_of('2002-06-01') WHERE id = 'l';
SELECT id, tags FROM mixed_as_of('2002-06-01');
SELECT mixed_tag('l', 'early', '2001-06-01');
SELECT count(*) FROM mixed_history('l', '2001-06-01');
-- Holds are in the way.
TRUNCATE mixed;
SELECT entity_drop('mixed');
SELECT entitydb.erase('mixed', '{h}', 'held');
\set VERBOSITY default
TRUNCATE mixed;
SELECT entitydb.erase('mixed', '{l}', 'not held') > 0 AS is_receipt;
SELECT id, tags FROM mixed_as_of('2002-06-01') ORDER BY id;
SELECT entitydb.release('mixed', '{case:7}'), entitydb.release('mixed', '{case:7}');
SELECT entitydb.compact('mixed') IS NOT NULL AS compacted;
SELECT count(*) FROM mixed_event WHERE id = 'h';

-- TRUNCATE takes the floors of valid time with it.
TRUNCATE mixed;
SELECT count(*) FROM mixed_as_of('2002-06-01');
SELECT mixed_put('l', '{x}', NULL, '2001-01-01');

-- By number of versions.
SELECT entity_create('doc');
SELECT doc_put('d', ARRAY['v:' || n], NULL, '2001-01-01'::timestamptz + n * interval '1 day') FROM generate_series(1, 9) n;
SELECT doc_put('short', '{v:1}', NULL, '2001-01-01');
SELECT entitydb.set_retention('doc', NULL, NULL, 3);
SELECT entitydb.seal('doc') IS NOT NULL AS sealed, entitydb.compact('doc') IS NOT NULL AS compacted;
SELECT id, tags, valid_from, valid_to FROM doc_version ORDER BY id, valid_from;
SELECT id, tags FROM doc_as_of('2001-01-02') WHERE id = 'short';
-- The rank is that among the versions that are left.
SELECT id, max(version), count(*) FROM doc_version GROUP BY id ORDER BY id;
\set VERBOSITY sqlstate
SELECT id, tags FROM doc_as_of('2001-01-02') WHERE id = 'd';
\set VERBOSITY default
-- What is erased takes its floor with it, and no other one; a rollback brings it back.
SELECT entity_create('shelf');
SELECT shelf_put('low', ARRAY['v:' || n], NULL, '2001-01-01'::timestamptz + n * interval '1 day'),
    shelf_put('high', ARRAY['v:' || n], NULL, '2011-01-01'::timestamptz + n * interval '1 day') FROM generate_series(1, 4) n;
SELECT shelf_put('short', '{v:1}', NULL, '2001-01-01');
SELECT entitydb.set_retention('shelf', NULL, keep_versions => 2);
SELECT entitydb.seal('shelf') IS NOT NULL AS sealed, entitydb.compact('shelf') IS NOT NULL AS compacted;
SELECT entitydb.set_retention('shelf', NULL);
\set VERBOSITY sqlstate
SELECT id FROM shelf_as_of('2005-01-01') ORDER BY id;
BEGIN;
SELECT entitydb.erase('shelf', '{high,unknown}', 'rolled back') > 0 AS is_receipt;
SELECT id FROM shelf_as_of('2005-01-01') ORDER BY id;
SAVEPOINT s;
SELECT id FROM shelf_as_of('2001-01-02') ORDER BY id;
ROLLBACK TO s;
ROLLBACK;
SELECT id FROM shelf_as_of('2005-01-01') ORDER BY id;
SELECT shelf_put('high', '{early}', NULL, '2010-01-01');
SELECT entitydb.erase('shelf', '{high}', 'kept') > 0 AS is_receipt;
SELECT id FROM shelf_as_of('2005-01-01') ORDER BY id;
SELECT id FROM shelf_as_of('2001-01-02') ORDER BY id;
SELECT shelf_put('low', '{early}', NULL, '2001-01-01');
-- An id that comes back is another entity, which lost nothing.
SELECT shelf_put('high', '{early}', NULL, '2000-01-01');
SELECT id, tags FROM shelf_as_of('2000-06-01') WHERE id = 'high';
SELECT entitydb.erase('shelf', '{low}', 'kept') > 0 AS is_receipt;
SELECT id FROM shelf_as_of('2001-01-02') ORDER BY id;
SELECT shelf_put('low', '{early}', NULL, '2001-01-01');
\set VERBOSITY default
SELECT entity_drop('shelf');

\set VERBOSITY sqlstate
-- What is refused.
SELECT entitydb.set_retention(NULL, '1 day');
SELECT entitydb.set_retention('nobody', '1 day');
SELECT entitydb.set_retention('doc', '-1 day');
SELECT entitydb.set_retention('doc', '1 day', keep_versions => 0);
SELECT entitydb.set_retention('doc', '1 day', '{a,NULL}');
SELECT entitydb.hold('doc', NULL);
SELECT entitydb.hold('doc', '{""}');
\set VERBOSITY default

-- Policies and holds look at what is known still: a tag that an entity had below its floor alone counts no more.
SELECT entity_create('past');
INSERT INTO past (id, tags, created_at) VALUES ('p', '{type:log,s:a}', '2001-01-01');
SELECT past_untag('p', 'type:log', '2002-01-01'), past_set('p', 's', 'b', '2003-01-01'), past_set('p', 's', 'c', '2005-01-01');
SELECT entitydb.set_retention('past', now() - timestamptz '2004-06-01', '{type:log}');
SELECT entitydb.seal('past') IS NOT NULL AS sealed;
SELECT entitydb.set_retention('past', now() - timestamptz '2006-06-01', '{type:log}');
SELECT entitydb.seal('past') IS NOT NULL AS sealed;
SELECT tags FROM past_as_of('2004-12-01') WHERE id = 'p';
SELECT entitydb.hold('past', '{type:log}');
SELECT entitydb.erase('past', '{p}', 'not held') > 0 AS is_receipt;
SELECT entitydb.release('past', '{type:log}');
SELECT entity_drop('past');

-- A correction of the past does not take an entity from a hold.
SELECT entity_create('held');
SELECT held_put('a', '{case:1,x}', at => '2020-01-01'), held_put('b', '{case:1}', at => '2020-01-01');
SELECT held_put('never', '{case:1}', at => '2020-01-01'), held_put('apart', '{x}', at => '2020-01-01');
SELECT held_untag('apart', 'x', at => '2021-01-01'), held_tag('apart', 'case:1', at => '2022-01-01');
SELECT entitydb.hold('held', '{case:1,x}'), entitydb.hold('held', '{case:1,y}');
SELECT held_tag('b', 'y', at => '2020-01-02');
SELECT held_delete('b', '2019-01-01'), held_untag('a', 'x', at => '2020-01-01');
SELECT id, tags FROM held_as_of('2020-06-01') ORDER BY id;
\set VERBOSITY sqlstate
SELECT entitydb.erase('held', '{a}', 'held');
SELECT entitydb.erase('held', '{b}', 'held');
\set VERBOSITY default
SELECT entitydb.set_retention('held', '0');
SELECT entitydb.seal('held') IS NOT NULL AS sealed;
SELECT id, count(*) FILTER (WHERE tag = 'case:1') AS cases FROM held_event GROUP BY id ORDER BY id;
SELECT entitydb.erase('held', '{never,apart}', 'not held') > 0 AS is_receipt;
SELECT entitydb.release('held', '{case:1,x}'), entitydb.release('held', '{case:1,y}');
SELECT entity_drop('held');

-- A rollback leaves no floor, and none of the policies.
BEGIN;
SELECT entitydb.set_retention('doc', '1 year');
SELECT entitydb.compact('doc') IS NOT NULL AS compacted;
SELECT count(*) FROM doc_event;
ROLLBACK;
SELECT count(*) > 2 AS are_back FROM doc_event;
SELECT id, tags FROM doc_as_of('2001-01-02') WHERE id = 'short';

-- Privileges.
CREATE ROLE s15_other;
SET ROLE s15_other;
\set VERBOSITY sqlstate
SELECT entitydb.set_retention('doc', '1 day');
SELECT entitydb.hold('doc', '{}');
SELECT entitydb.release('doc', '{}');
SELECT count(*) FROM entitydb.retention;
SELECT count(*) FROM entitydb.entity_floor;
SELECT entitydb.forget_floor(1, 'doc');
\set VERBOSITY default
RESET ROLE;
DROP ROLE s15_other;
SELECT entity_drop('doc');
SELECT count(*) FROM entitydb.retention;
SELECT * FROM entitydb.verify('log') WHERE NOT ok;
