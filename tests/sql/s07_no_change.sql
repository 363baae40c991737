-- S7: no change is no event, but an UPDATE counts and returns its row; the event face records what it is given.
INSERT INTO entity (id, tags, content) VALUES ('a', '{x,y}', 'c');
UPDATE entity SET tags = '{y,x,x}', content = 'c' WHERE id = 'a' RETURNING id, tags;
SELECT entity_tag('a', 'x'), entity_untag('a', 'z'), entity_put('a', '{x,y}', 'c'), entity_set('a', 'n', '1'), entity_set('a', 'n', '1');
SELECT op, tag FROM entity_event ORDER BY seq;

-- The event face: redundant facts are recorded, in any order.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '2100-01-01', 'assert', 'x'), ('a', '2050-01-01', 'retract', 'nothing');
SELECT count(*) FROM entity_event WHERE ts > '2049-01-01';

-- The n-th occurrence of a fact within a statement is skipped if n were stored before.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '2100-01-01', 'assert', 'x');
SELECT count(*) FROM entity_event WHERE ts = '2100-01-01';
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '2100-01-01', 'assert', 'x'), ('a', '2100-01-01', 'assert', 'x');
SELECT count(*) FROM entity_event WHERE ts = '2100-01-01';
INSERT INTO entity_event (id, ts, op, content) VALUES ('a', '2100-01-02', 'content', 'p'), ('a', '2100-01-02', 'content', 'p');
INSERT INTO entity_event (id, ts, op, content) VALUES ('a', '2100-01-02', 'content', 'q'), ('a', '2100-01-02', 'content', 'p');
SELECT convert_from(content, 'UTF8') FROM entity_event WHERE ts = '2100-01-02' ORDER BY seq;
