-- S8: any instant may be written; existence is derived, no rows are invented.
SET timezone = 'UTC';
SET datestyle = 'ISO';
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '1900-01-01', 'assert', 'old'), ('a', '1950-01-01', 'delete', NULL),
    ('a', '1980-01-01', 'assert', 'new');
SELECT d::date, e.tags, e.created_at
FROM (VALUES ('1899-12-31'::timestamptz), ('1900-01-01'), ('1949-12-31'), ('1950-01-01'), ('1980-01-01')) v (d)
LEFT JOIN LATERAL entity_as_of(d) e ON true ORDER BY d;

-- A correction at an instant at which the entity does not exist makes it exist there, and changes nothing later.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('a', '1960-01-01', 'assert', 'between');
SELECT tags, created_at FROM entity_as_of('1970-01-01');
SELECT tags, created_at FROM entity_as_of('1990-01-01');
SELECT tags FROM entity;

-- The order in which different instants arrive does not count, sealed or not.
INSERT INTO entity_event (id, ts, op, tag) VALUES ('p', '2001-01-01', 'assert', 't'), ('p', '2002-01-01', 'retract', 't'), ('p', '2003-01-01', 'assert', 'u');
INSERT INTO entity_event (id, ts, op, tag) VALUES ('q', '2003-01-01', 'assert', 'u');
SELECT entitydb.seal('entity') > 0 AS sealed;
INSERT INTO entity_event (id, ts, op, tag) VALUES ('q', '2002-01-01', 'retract', 't');
SELECT entitydb.seal('entity') > 0 AS sealed;
INSERT INTO entity_event (id, ts, op, tag) VALUES ('q', '2001-01-01', 'assert', 't');
SELECT d::date, string_agg(e.id || e.tags::text, ' ' ORDER BY e.id)
FROM (VALUES ('2001-06-01'::timestamptz), ('2002-06-01'), ('2003-06-01')) v (d), LATERAL (SELECT * FROM entity_as_of(d) e WHERE e.id IN ('p', 'q')) e
GROUP BY d ORDER BY d;
