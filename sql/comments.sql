-- What the reference says of the functions and columns that every dataset has, and of the catalog's own objects.
-- A comment that begins with "internal: " is left out of the reference.

CREATE FUNCTION entitydb.function_comments(OUT ending text, OUT arguments int, OUT comment text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
VALUES
    ('_as_of', 1, 'the entities as they were at ts, as best known today'),
    ('_as_of', 2, 'the entities as they were at ts, as it was known at system'),
    ('_as_of_ns', NULL::int, 'the entities as they were at an instant in nanoseconds since 1970 UTC, exactly'),
    ('_snapshot', NULL, 'a token: what is committed now; pass it to _changes or _as_of_snapshot later'),
    ('_as_of_snapshot', NULL, 'the entities as they were at ts (NULL: now), exactly as known to the token'),
    ('_history', NULL, 'the events of one entity after since and up to until, oldest first'),
    ('_changes', NULL, 'the events committed since the token (NULL: all), oldest first, each exactly once'),
    ('_timeline', NULL, 'the events of all entities after since and up to until'),
    ('_diff', NULL, 'what differs between an entity at t1 and at t2: create or delete first, one row a tag, then the content'),
    ('_diff_set', NULL, 'which entities entered or left the set of those that carry all the tags, between t1 and t2'),
    ('_put', NULL, 'creates or changes an entity, now or at an instant: tags are replaced, NULL tags or content kept; says created, changed or unchanged'),
    ('_tag', NULL, 'gives an entity a tag, now or at an instant; whether anything changed'),
    ('_untag', NULL, 'takes a tag from an entity, now or at an instant; whether anything changed'),
    ('_set', NULL, 'makes value the only one of a namespace, now or at an instant; whether anything changed'),
    ('_delete', NULL, 'ends an entity, now or at an instant, and takes back what is scheduled for it later; whether anything changed'),
    ('_clear_content', NULL, 'makes the content NULL, now or at an instant; whether anything changed'),
    ('_facets', NULL, 'how many of the entities that carry all the tags have each value of a namespace, largest count first'),
    ('_trend', NULL, 'how many entities carry all the tags at since, since + step, and so on up to until'),
    ('_trend_by', NULL, 'how many entities carry all the tags at since, since + step, and so on up to until, by their value of a namespace'),
    ('_namespace', NULL, 'declares that of a namespace one tag holds at a time, or many; how many entities read differently from now on'),
    ('_has_tag', NULL, 'whether one of the tags matches a pattern: a final unescaped * is a wildcard, \* a star; answered by the index in WHERE'),
    ('_related', NULL, 'the ids that an entity points to by tags relation:id, now or at an instant'),
    ('_referrers', NULL, 'the ids of the entities that point to this one by tags relation:id, now or at an instant'),
    ('_import', NULL, 'records tags that carry their time in front, as in 1748563200000000000|type:user; says created, changed or unchanged')
$$;
COMMENT ON FUNCTION entitydb.function_comments() IS 'internal: what make_functions says of each function, by the ending of its name and its number of arguments';

CREATE FUNCTION entitydb.column_comments(OUT shape text, OUT name text, OUT type text, OUT optional boolean, OUT comment text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp
AS $$
VALUES
    ('state', 'id', 'text', false, 'what names the entity; unique at every instant'),
    ('state', 'tags', 'text[]', false, 'its tags, sorted, without repeats'),
    ('state', 'content', 'bytea', false, 'its content, or NULL'),
    ('state', 'created_at', 'timestamptz', false, 'since when it exists; given by INSERT it is the valid time, left out it is now'),
    ('state', 'updated_at', 'timestamptz', false, 'when it last changed; given by UPDATE it is the valid time of the change'),
    ('state', 'version', 'bigint', true, 'the number of its last event: changes with every change, for optimistic locking; what is written to it is ignored'),
    ('state', 'created_at_ns', 'bigint', true, 'created_at in nanoseconds since 1970 UTC'),
    ('state', 'updated_at_ns', 'bigint', true, 'updated_at in nanoseconds since 1970 UTC'),
    ('event', 'id', 'text', false, 'the entity'),
    ('event', 'ts', 'timestamptz', false, 'when the fact is true in the world; left out it is now'),
    ('event', 'ts_ns', 'bigint', false, 'the same in nanoseconds since 1970 UTC, exactly'),
    ('event', 'op', 'text', false, 'create, assert, retract, content, delete or cancel; left out it is assert with a tag, else content'),
    ('event', 'tag', 'text', false, 'the tag of an assert or retract'),
    ('event', 'content', 'bytea', false, 'the content of a content event'),
    ('event', 'recorded_at', 'timestamptz', false, 'when the database learned the fact: the commit time'),
    ('event', 'tx', 'xid8', false, 'the transaction that recorded the fact'),
    ('event', 'seq', 'bigint', false, 'the number of the event among those of its entity, in the order of recording'),
    ('version', 'id', 'text', false, 'the entity'),
    ('version', 'tags', 'text[]', false, 'its tags in this state'),
    ('version', 'content', 'bytea', false, 'its content in this state'),
    ('version', 'valid_from', 'timestamptz', false, 'since when the state holds'),
    ('version', 'valid_to', 'timestamptz', false, 'until when, exclusive; NULL: for ever'),
    ('version', 'version', 'bigint', false, 'the rank of the state among those of its entity'),
    ('version', 'valid_from_ns', 'bigint', true, 'valid_from in nanoseconds since 1970 UTC'),
    ('version', 'valid_to_ns', 'bigint', true, 'valid_to in nanoseconds since 1970 UTC'),
    ('tag', 'id', 'text', false, 'the entity'),
    ('tag', 'tag', 'text', false, 'the tag'),
    ('tag', 'valid_from', 'timestamptz', false, 'since when it holds'),
    ('tag', 'valid_to', 'timestamptz', false, 'until when, exclusive; NULL: for ever'),
    ('tag', 'valid_from_ns', 'bigint', true, 'valid_from in nanoseconds since 1970 UTC'),
    ('tag', 'valid_to_ns', 'bigint', true, 'valid_to in nanoseconds since 1970 UTC')
$$;
COMMENT ON FUNCTION entitydb.column_comments() IS 'internal: what is said of the columns of a dataset''s faces, by shape';

CREATE FUNCTION entitydb.comment_functions(schema name, dataset name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made record;
BEGIN
    FOR made IN
        SELECT p.oid::regprocedure AS signature, c.comment
        FROM pg_proc p
        JOIN pg_namespace n ON n.oid = p.pronamespace AND n.nspname = $1
        JOIN entitydb.function_comments() c
            ON p.proname = concat($2, c.ending)::name AND p.pronargs = coalesce(c.arguments, p.pronargs)
        WHERE pg_has_role(p.proowner, 'USAGE') AND obj_description(p.oid, 'pg_proc') IS NULL
    LOOP
        EXECUTE format('COMMENT ON FUNCTION %s IS %L', made.signature, made.comment);
    END LOOP;
END
$$;
COMMENT ON FUNCTION entitydb.comment_functions(name, name) IS 'internal: comments the functions that make_functions made';

CREATE FUNCTION entitydb.comment_faces(schema name, dataset name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    face record;
    made record;
BEGIN
    FOR face IN
        SELECT format('%I.%I', $1, concat($2, f.ending)) AS name, f.shape, f.comment
        FROM (VALUES ('', 'state', 'the entities as they are now'),
            ('_event', 'event', 'every fact that was recorded, in any order; INSERT and COPY append facts of any time'),
            ('_version', 'version', 'every state that an entity was or will be in, with its interval'),
            ('_tag', 'tag', 'every interval in which an entity carries a tag')) f (ending, shape, comment)
        WHERE to_regclass(format('%I.%I', $1, concat($2, f.ending))) IS NOT NULL
    LOOP
        EXECUTE format('COMMENT ON FOREIGN TABLE %s IS %L', face.name, face.comment);
        FOR made IN
            SELECT a.attname, c.comment
            FROM pg_attribute a
            JOIN entitydb.column_comments() c ON c.shape = face.shape AND c.name::name = a.attname
            WHERE a.attrelid = face.name::regclass AND a.attnum > 0
        LOOP
            EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', face.name, made.attname, made.comment);
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION entitydb.comment_faces(name, name) IS 'internal: comments the faces that entity_create made, and their columns';

-- The catalog.

COMMENT ON COLUMN entitydb.dataset.id IS 'what names the dataset''s heaps: delta_ID and so on';
COMMENT ON COLUMN entitydb.dataset.name IS 'the name that faces give in their option dataset';
COMMENT ON COLUMN entitydb.dataset.guard
IS 'the foreign server "dataset NAME": the members of its owner administer the dataset and may make faces of it, as may those whom grant_dataset granted USAGE on it';
COMMENT ON COLUMN entitydb.segment.dataset IS 'the dataset';
COMMENT ON COLUMN entitydb.segment.position IS 'the order in which segments are laid over each other, oldest first';
COMMENT ON COLUMN entitydb.segment.name IS 'the file';
COMMENT ON COLUMN entitydb.segment.kind IS '1 run, 2 tile, 3 content, 4 ids';
COMMENT ON COLUMN entitydb.segment.bytes IS 'the length of the file';
COMMENT ON COLUMN entitydb.segment.checksum IS 'the checksum of its header';
COMMENT ON COLUMN entitydb.segment.events IS 'how many events, contents or ids it holds';
COMMENT ON COLUMN entitydb.segment.entities IS 'how many entities they are of';
COMMENT ON COLUMN entitydb.segment.min_ts IS 'the first instant in it, in nanoseconds since 1970 UTC';
COMMENT ON COLUMN entitydb.segment.max_ts IS 'the last instant in it';
COMMENT ON COLUMN entitydb.segment.max_stamped IS 'the last instant in it that the database gave';
COMMENT ON COLUMN entitydb.segment.min_tx IS 'the first transaction in it';
COMMENT ON COLUMN entitydb.segment.max_tx IS 'the last transaction in it';
COMMENT ON COLUMN entitydb.segment.min_ordinal IS 'the first entity in it, by the number that stands for it';
COMMENT ON COLUMN entitydb.segment.max_ordinal IS 'the last entity in it';
COMMENT ON SEQUENCE entitydb.segment_position IS 'internal: positions of segments';
COMMENT ON COLUMN entitydb.removed.file IS 'the file';
COMMENT ON COLUMN entitydb.removed.xid IS 'the transaction that took it out of the manifest';
COMMENT ON SCHEMA entitydb IS 'the catalog, administration and settings of EntityDB';
COMMENT ON FOREIGN DATA WRAPPER entitydb IS 'entities with tags and a past';
COMMENT ON SERVER entitydb IS 'for faces that show states, versions and tags';
COMMENT ON SERVER entitydb_log IS 'for faces that show events: pg_dump --include-foreign-data=entitydb_log dumps every history once';
COMMENT ON FUNCTION entitydb.fdw_handler() IS 'internal: how PostgreSQL calls the foreign data wrapper';
COMMENT ON FUNCTION entitydb.fdw_validator(text[], oid) IS 'internal: checks the options of faces and columns';
COMMENT ON FUNCTION entitydb.make_dataset(text, oid) IS 'internal: makes the row and the heaps of a dataset';
COMMENT ON FUNCTION entitydb.adopt_dataset(int4, oid) IS 'internal: gives a dataset in which nothing was recorded to the owner of a face';
COMMENT ON FUNCTION entitydb.drop_dataset(text) IS 'internal: removes the row and the heaps of a dataset';
COMMENT ON FUNCTION entitydb.put(regclass, text, text[], bytea, timestamptz) IS 'internal: what the function put of each dataset calls';
COMMENT ON FUNCTION entitydb.tag(regclass, text, text, timestamptz) IS 'internal: what the function tag of each dataset calls';
COMMENT ON FUNCTION entitydb.untag(regclass, text, text, timestamptz) IS 'internal: what the function untag of each dataset calls';
COMMENT ON FUNCTION entitydb.set(regclass, text, text, text, timestamptz) IS 'internal: what the function set of each dataset calls';
COMMENT ON FUNCTION entitydb.delete(regclass, text, timestamptz) IS 'internal: what the function delete of each dataset calls';
COMMENT ON FUNCTION entitydb.clear_content(regclass, text, timestamptz) IS 'internal: what the function clear_content of each dataset calls';
