-- S15: how long something is kept may be any interval that is not negative, and the floor is never past the present.
\set VERBOSITY terse
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_create('kept');
SELECT kept_put('a', '{s:1}', at => '2020-01-01'), kept_set('a', 's', '2', '2021-01-01');
SELECT kept_put('soon', '{s:1}', at => now() + interval '10 days'), kept_set('soon', 's', '2', now() + interval '20 days');
-- A month counts as thirty days where intervals are compared; ten years of months have 52 days more.
SELECT entitydb.set_retention('kept', '120 months -3601 days');
SELECT entitydb.set_retention('kept', '-120 months');
SELECT entitydb.set_retention('kept', '-120 months 3600 days 1 second');
SELECT entitydb.seal('kept') > 0 AS sealed;
SELECT op, tag, seq FROM kept_event ORDER BY id COLLATE "C", seq;
SELECT kept_put('a', '{s:3}'), kept_put('b', '{s:1}');
SELECT id, tags FROM kept ORDER BY id;
SELECT id, tags FROM kept_as_of(now() + interval '15 days') ORDER BY id;
SELECT id, tags FROM kept_as_of(now() + interval '25 days') ORDER BY id;
\set VERBOSITY sqlstate
SELECT kept_put('a', '{}', at => now() - interval '1 day');
-- Kept for no time at all: what is true now, and what shall be.
SELECT entitydb.set_retention('kept', '0');
SELECT entitydb.seal('kept') > 0 AS sealed;
SELECT id, op, tag FROM kept_event ORDER BY id COLLATE "C", seq;
SELECT kept_set('a', 's', '4');
SELECT id, tags FROM kept ORDER BY id;
-- Longer than there is time.
SELECT entitydb.set_retention('kept', '178000000 years');
SELECT entitydb.seal('kept') > 0 AS sealed;
SELECT id, tags FROM kept ORDER BY id;
SELECT entity_drop('kept');
