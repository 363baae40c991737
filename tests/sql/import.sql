-- entity_import: tags that carry their instants, as the facts that they are.
\set VERBOSITY terse
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_import('ada', '{1748563200000000000|type:user,1748563200000000001|status:new,1748563300000000000|status:old|new}', 'text');
SELECT ts_ns, op, tag, convert_from(content, 'UTF8') AS content FROM entity_history('ada');
SELECT tags, convert_from(content, 'UTF8') AS content, created_at, updated_at FROM entity;
SELECT tags FROM entity_as_of_ns(1748563200000000000);
-- Again it adds nothing; with one fact more it adds that one. What is redundant is recorded.
SELECT entity_import('ada', '{1748563200000000000|type:user,1748563200000000001|status:new,1748563300000000000|status:old|new}', 'text');
SELECT entity_import('ada', '{1748563200000000000|type:user,1748563400000000000|type:user}');
SELECT entity_import('ada', '{1748563200000000000|type:user,1748563200000000000|type:user}');
SELECT entity_import('ada', '{1748563200000000000|type:user,1748563200000000000|type:user}');
SELECT count(*) FROM entity_event;
-- Other stamps: fewer digits, before 1970, times with a zone.
SELECT entity_import('bob', '{17|a,-17|b,2025-05-30T02:00:00.123456789+02:00|c,1969-12-31T23:59:59.999999999Z|d}');
SELECT ts_ns, tag FROM entity_history('bob');
-- Content alone is content at the largest stamp, wherever that stands; none is none.
SELECT entity_import('eve', '{30|a,20|b}', '');
SELECT ts_ns, op, content FROM entity_history('eve') WHERE op = 'content';
SELECT entity_import('eve', '{}'), entity_import('nobody', '{}');
-- Several values of one namespace are recorded; the later one holds.
SELECT entity_namespace('status', 'one');
SELECT entity_import('two', '{10|status:a,20|status:b,20|status:c}');
SELECT tags FROM entity_as_of_ns(10) WHERE id = 'two';
SELECT tags FROM entity WHERE id = 'two';
-- What is wrong.
SELECT entity_import('x', '{type:user}');
SELECT entity_import('x', '{a|b|c}');
SELECT entity_import('x', '{|a}');
SELECT entity_import('x', '{17|}');
SELECT entity_import('x', '{2025-05-30|a}');
SELECT entity_import('x', '{99999999999999999999|a}');
SELECT entity_import('x', '{9223372036854775807|a}');
SELECT entity_import('x', '{1677-12-31T00:00:00Z|a}');
SELECT entity_import('x', ARRAY['17|' || repeat('t', 1025)]);
SELECT entity_import('x', '{17|a,NULL}');
SELECT entity_import('x', NULL);
SELECT entity_import(NULL, '{17|a}');
SELECT entity_import('', '{17|a}');
SELECT entity_import('x', '{}', 'text');
SELECT count(*) FROM entity WHERE id = 'x';
