-- history, timeline, diff and facets (S7, S9, S17).
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_put('a', '{type:user,status:new}', 'one', at => '2018-01-01');
SELECT entity_set('a', 'status', 'open', at => '2018-02-01');
SELECT entity_put('a', NULL, 'two', at => '2018-03-01');
SELECT entity_put('b', '{type:user,status:new}', at => '2018-02-01');
SELECT entity_put('c', '{type:bot}', at => '2018-02-15');
SELECT entity_delete('b', at => '2018-04-01');
SELECT ts, op, tag, convert_from(content, 'UTF8') AS content, seq FROM entity_history('a');
-- since is exclusive, until inclusive.
SELECT ts, op, tag FROM entity_history('a', '2018-01-01', '2018-02-01');
SELECT count(*) FROM entity_history('a', since => '2018-03-01');
SELECT count(*) FROM entity_history(NULL);
SELECT count(*) FROM entity_history('nobody');
SELECT ts, id, op, tag FROM entity_timeline('2018-02-01', '2018-04-01');
SELECT op, tag, convert_from(old_content, 'UTF8') AS old, convert_from(new_content, 'UTF8') AS new
FROM entity_diff('a', '2018-01-15', '2018-03-15');
SELECT * FROM entity_diff('b', '2018-01-15', '2018-03-01');
SELECT * FROM entity_diff('b', '2018-03-01', '2018-05-01');
SELECT * FROM entity_diff('a', '2018-04-01', '2018-05-01');
SELECT count(*) FROM entity_diff('a', NULL, '2018-05-01');
SELECT * FROM entity_facets('type', at => '2018-03-01');
SELECT * FROM entity_facets('status', at => '2018-01-15');
SELECT * FROM entity_facets('type', '{status:open}');
SELECT * FROM entity_facets('nothing');
SELECT count(*) FROM entity_facets(NULL);
