-- The peers: what a PostgreSQL user would write instead, on the data that EntityDB is measured on. Run by run.py, which
-- replaces :n (entities), :steps (changes of status after the first), :gap (between them) and :dir (a directory that the
-- server can write). Statements are separated by a line `--;`.

-- src: n entities with 5 tags each: type (10), status (4), owner (10 k), region (50), score (1 k); about 120 bytes of content.
CREATE TABLE src AS
SELECT 'e' || lpad(i::text, 10, '0') AS id,
       ARRAY['type:t' || (i % 10), 'status:s' || (hashint4(i) & 3), 'owner:u' || (abs(hashint4(i + 7)) % 10000),
             'region:r' || (abs(hashint4(i + 11)) % 50), 'score:' || (abs(hashint4(i + 13)) % 1000)] AS tags,
       convert_to(repeat('payload ' || i || ' ', 8), 'utf8') AS content
FROM generate_series(1, :n) i
--;
COPY src TO ':dir/src.copy'
--;
-- heap: the floor of COPY.
CREATE TABLE heap (id text, tags text[], content bytea, created_at timestamptz DEFAULT clock_timestamp(),
                   updated_at timestamptz DEFAULT clock_timestamp())
--;
-- gin: what people do for tags.
CREATE TABLE gin (id text PRIMARY KEY, tags text[] NOT NULL, content bytea, created_at timestamptz DEFAULT clock_timestamp(),
                  updated_at timestamptz DEFAULT clock_timestamp())
--;
CREATE INDEX ON gin USING gin (tags)
--;
-- facts: 4 lasting tags an entity, and a status that changes :steps times. The best known plain schema for as-of questions.
CREATE TABLE facts (id text NOT NULL, tag text NOT NULL, vfrom timestamptz NOT NULL, vto timestamptz NOT NULL DEFAULT 'infinity')
--;
INSERT INTO facts
SELECT id, t, '2026-01-01'::timestamptz + (abs(hashtext(id)) % 864000) * interval '1 second', 'infinity'
FROM src, unnest(tags) t WHERE t NOT LIKE 'status%'
--;
INSERT INTO facts
SELECT id, 'status:s' || (abs(hashint4(substr(id, 2)::int + k)) % 4),
       '2026-01-01'::timestamptz + k * interval ':gap' + (substr(id, 2)::int % 1000000) * interval '1 second',
       CASE WHEN k = :steps THEN 'infinity'
            ELSE '2026-01-01'::timestamptz + (k + 1) * interval ':gap' + (substr(id, 2)::int % 1000000) * interval '1 second' END
FROM src, generate_series(0, :steps) k
--;
CREATE INDEX ON facts (tag, vfrom, vto) INCLUDE (id)
--;
CREATE INDEX ON facts (id, vfrom)
--;
-- The same history as events. Successive statuses may be equal: an end and a start of one tag at one instant must stand in
-- that order, for the event recorded later decides; 'retract' sorts after 'assert', hence DESC.
COPY (
    SELECT id, ts, op, tag FROM (
        SELECT id, vfrom AS ts, 'assert' AS op, tag FROM facts
        UNION ALL
        SELECT id, vto, 'retract', tag FROM facts WHERE vto < 'infinity') e
    ORDER BY id COLLATE "C", ts, op DESC
) TO ':dir/events.copy'
--;
VACUUM ANALYZE facts
