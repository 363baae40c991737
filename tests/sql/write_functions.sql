-- put, tag, untag, set and delete: what they answer and what they leave (S6, S7, S8).
SET timezone = 'UTC';
SET datestyle = 'ISO';
SELECT entity_put('u1', '{type:user,status:new}', 'hello', at => '2020-01-01');
SELECT entity_put('u1', '{status:new,type:user,type:user}', 'hello', at => '2020-02-01');
SELECT entity_put('u1', '{type:user,status:open}', at => '2020-03-01');
SELECT entity_put('u1', NULL, 'bye', at => '2020-04-01');
SELECT entity_tag('u1', 'vip', at => '2020-05-01'), entity_tag('u1', 'vip', at => '2020-06-01');
SELECT entity_untag('u1', 'vip', at => '2020-07-01'), entity_untag('u1', 'vip', at => '2020-08-01');
SELECT entity_set('u1', 'status', 'closed', at => '2020-09-01'), entity_set('u1', 'status', 'closed', at => '2020-10-01');
SELECT entity_untag('nobody', 'vip', at => '2020-01-01'), entity_delete('nobody', at => '2020-01-01');
SELECT d, e.tags, convert_from(e.content, 'UTF8') AS content, e.created_at, e.updated_at
FROM unnest('{2019-12-31,2020-01-01,2020-02-15,2020-03-01,2020-04-01,2020-05-01,2020-07-01,2020-09-01}'::timestamptz[]) d
LEFT JOIN LATERAL (SELECT * FROM entity_as_of(d) WHERE id = 'u1') e ON true ORDER BY d;
-- S6: nothing comes back on re-creation; the past answers as before.
SELECT entity_delete('u1', at => '2021-01-01'), entity_delete('u1', at => '2021-02-01');
SELECT entity_put('u1', '{again}', at => '2022-01-01');
SELECT tags, content, created_at FROM entity_as_of('2022-01-01') WHERE id = 'u1';
SELECT count(*) FROM entity_as_of('2021-06-01') WHERE id = 'u1';
SELECT tags FROM entity_as_of('2020-12-31') WHERE id = 'u1';
-- S6: an entity that exists only later is taken back.
SELECT entity_delete('u1', at => '2021-06-01');
SELECT count(*) FROM entity_as_of('2022-01-01') WHERE id = 'u1';
-- An id that does not exist at that instant cannot be tagged.
SELECT entity_put('u2', '{a}', at => '2020-01-01'), entity_tag('u2', 'b', at => '2019-01-01');
