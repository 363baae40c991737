-- What is asked of a token is the scan's to answer, and EXPLAIN says so.
SET timezone = 'UTC';
SET datestyle = 'ISO';
EXPLAIN (COSTS off) SELECT * FROM entity_changes('1:1:') WHERE id = 'a';
EXPLAIN (COSTS off) SELECT * FROM entity_as_of_snapshot('1:1:') WHERE id = 'a';
EXPLAIN (COSTS off) SELECT count(*) FROM entity_as_of_snapshot('1:1:', '2020-01-01') WHERE tags @> '{x}';
EXPLAIN (COSTS off) SELECT c.tag FROM (VALUES ('1:1:'::pg_snapshot)) t (token) CROSS JOIN LATERAL entity_changes(t.token) c;
EXPLAIN (COSTS off) SELECT e.id FROM (VALUES ('1:1:'::pg_snapshot), ('1:2:')) t (token) CROSS JOIN LATERAL entity_as_of_snapshot(t.token) e;
