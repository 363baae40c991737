"""The SQL surface as a table: what a client may rely on, item by item, for the test `tests/cluster/contract`.

Invariant: this file states the contract and never what the extension happens to do: whoever changes it changes a promise.
An item's name is what NOT_YET and LATER list. `{d}` stands for a dataset, `{id}` and `{content}` for its types.
"""

# Items of the contract that are not built yet. One that is there makes the test fail, so that this list shrinks.
NOT_YET = set(
    """
""".strip().splitlines()
)

# Items that come with background maintenance and the switches.
LATER = {
    "function entitydb.repair",
    "function entitydb.flags",
    "view entitydb.stat_worker",
    "view entitydb.stat_progress",
    *(
        f"setting {name}"
        for name in [
            "simd", "zero_copy", "tag_interning", "buffer_pool", "compact_index", "temporal_btree", "read_cache",
            "seal_threshold", "seal_interval", "max_workers", "rollout_percent", "safe_mode",
        ]
    ),
    "setting alert_*",
    "pushed count grouped by a tag column",
}

# name(arguments) -> result. An argument is `name type [DEFAULT value]`; the type `*` is any. A result is a type, `SETOF` a
# face, `(column type, ..)`, or `*`.
DATASET_FUNCTIONS = """
{d}_as_of(ts timestamptz) -> SETOF {d}
{d}_as_of(ts timestamptz, system timestamptz) -> SETOF {d}
{d}_as_of_ns(ts_ns bigint) -> SETOF {d}
{d}_snapshot() -> pg_snapshot
{d}_as_of_snapshot(snapshot pg_snapshot, ts timestamptz DEFAULT NULL) -> SETOF {d}
{d}_history(id {id}, since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity') -> SETOF {d}_event
{d}_changes(since pg_snapshot DEFAULT NULL) -> SETOF {d}_event
{d}_timeline(since timestamptz, until timestamptz DEFAULT 'infinity') -> SETOF {d}_event
{d}_diff(id {id}, t1 timestamptz, t2 timestamptz) -> (op text, tag text, old_content {content}, new_content {content})
{d}_diff_set(tags text[], t1 timestamptz, t2 timestamptz) -> (id {id}, change text)
{d}_put(id {id}, tags text[], content {content} DEFAULT NULL, at timestamptz DEFAULT NULL) -> text
{d}_tag(id {id}, tag text, at timestamptz DEFAULT NULL) -> boolean
{d}_untag(id {id}, tag text, at timestamptz DEFAULT NULL) -> boolean
{d}_set(id {id}, namespace text, value text, at timestamptz DEFAULT NULL) -> boolean
{d}_delete(id {id}, at timestamptz DEFAULT NULL) -> boolean
{d}_clear_content(id {id}, at timestamptz DEFAULT NULL) -> boolean
{d}_facets(namespace text, tags text[] DEFAULT '{}', at timestamptz DEFAULT NULL) -> (value text, count bigint)
{d}_trend(tags text[], since timestamptz, until timestamptz, step interval) -> (at timestamptz, count bigint)
{d}_trend_by(namespace text, tags text[], since timestamptz, until timestamptz, step interval) -> (at timestamptz, value text, count bigint)
{d}_namespace(namespace text, cardinality text) -> bigint
{d}_has_tag(tags text[], pattern text) -> boolean
{d}_related(id {id}, relation text, at timestamptz DEFAULT NULL) -> (id {id})
{d}_referrers(id {id}, relation text, at timestamptz DEFAULT NULL) -> (id {id})
{d}_import(id {id}, temporal_tags text[], content {content} DEFAULT NULL) -> text
"""

# What defaults these have is not said, except of the first two.
OTHER_FUNCTIONS = """
entity_create(name text, columns text DEFAULT 'content bytea', id regtype DEFAULT 'text') -> *
entity_drop(name text, if_exists boolean DEFAULT false) -> *
entitydb.make_functions(face regclass) -> *
entitydb.ns(* timestamptz) -> bigint
entitydb.ns(* text) -> bigint
entitydb.ts(* bigint) -> timestamptz
entitydb.ns_text(* bigint) -> text
entitydb.seal(dataset text) -> *
entitydb.compact(dataset text) -> *
entitydb.seal_all() -> *
entitydb.verify(dataset text) -> (segment text, check text, ok boolean, detail text)
entitydb.erase(dataset text, ids text[], reason text) -> *
entitydb.set_retention(dataset text, keep interval, tags text[], keep_versions int) -> *
entitydb.hold(dataset text, tags text[]) -> *
entitydb.grant_dataset(dataset text, role *) -> *
entitydb.set_notify(dataset text, enabled boolean) -> *
entitydb.repair(segment text, bytes bytea) -> *
entitydb.flags() -> *
"""

VIEWS = {
    "entitydb.transaction": "tx xid8, recorded_at timestamptz, role *, application_name *, note text",
    "entitydb.erasure": None,
    "entitydb.stat_dataset": None,
    "entitydb.stat_segment": None,
    "entitydb.stat_worker": None,
    "entitydb.stat_progress": None,
}

# Shape: the columns of the faces that a dataset is made with, and those that a face may have besides.
SHAPES = {
    "state": (
        "id text, tags text[], content bytea, created_at timestamptz, updated_at timestamptz",
        "version bigint, created_at_ns bigint, updated_at_ns bigint",
    ),
    "event": (
        "id text, ts timestamptz, ts_ns bigint, op text, tag text, content bytea, recorded_at timestamptz, tx xid8, seq bigint",
        "",
    ),
    "version": (
        "id text, tags text[], content bytea, valid_from timestamptz, valid_to timestamptz, version bigint",
        "valid_from_ns bigint, valid_to_ns bigint",
    ),
    "tag": (
        "id text, tag text, valid_from timestamptz, valid_to timestamptz",
        "valid_from_ns bigint, valid_to_ns bigint",
    ),
}

# Setting: (unit or enum values or None, value that must be accepted).
SETTINGS = {
    "compression": ("snappy,none", "none"),
    "compression_threshold": ("B", "1kB"),
    "bulk_threshold": (None, "100"),
    "as_of": (None, "2020-01-01"),
    "as_of_system": (None, "2020-01-01"),
    "note": (None, "JIRA-1"),
    "record_transactions": (None, "off"),
    "import_system_time": (None, "on"),
    "simd": ("auto,off", "off"),
    "zero_copy": (None, "off"),
    "tag_interning": (None, "off"),
    "buffer_pool": (None, None),
    "compact_index": (None, "off"),
    "temporal_btree": (None, "off"),
    "read_cache": (None, None),
    "seal_threshold": (None, None),
    "seal_interval": (None, None),
    "max_workers": (None, None),
    "rollout_percent": (None, None),
    "safe_mode": (None, None),
    "alert_*": (None, None),
}

TYPED = "SELECT entity_create('issue', 'status text, priority int, labels text[], content jsonb')"
# Two people and a host with a past, for the statements below.
DATA = (
    "INSERT INTO entity (id, tags, content, created_at) VALUES ('ada', '{type:user,role:admin,knows:bob}', 'one', '2020-01-01'),"
    " ('bob', '{type:user}', NULL, '2020-02-01'), ('web1', '{type:host,status:up}', 'two', '2020-03-01')"
)
FACE = "CREATE FOREIGN TABLE f ({}) SERVER {} OPTIONS (dataset 'entity'{})"
VERSIONED = FACE.format("id text, tags text[], version bigint", "entitydb", "")
UPSERT = FACE.format("id text, tags text[], content bytea, created_at timestamptz", "entitydb", ", on_conflict 'put'")

# Statements that work: (name, statements, what the last one answers: rows of text, or None if that does not matter).
WORKS = [
    ("state INSERT RETURNING", [DATA, "INSERT INTO entity (id, tags) VALUES ('x', '{b,a,b}') RETURNING id, tags"], [("x", "{a,b}")]),
    ("state UPDATE RETURNING", [DATA, "UPDATE entity SET tags = tags || '{z}' WHERE id = 'bob' RETURNING tags"], [("{type:user,z}",)]),
    ("state DELETE RETURNING", [DATA, "DELETE FROM entity WHERE id = 'bob' RETURNING id"], [("bob",)]),
    ("state TRUNCATE", [DATA, "TRUNCATE entity", "SELECT count(*) FROM entity_event"], [("0",)]),
    ("state ON CONFLICT DO NOTHING", [DATA, "INSERT INTO entity (id) VALUES ('bob'), ('new') ON CONFLICT DO NOTHING RETURNING id"], [("new",)]),
    ("state FOR UPDATE", [DATA, "SELECT id FROM entity WHERE id = 'bob' FOR UPDATE"], [("bob",)]),
    ("state FOR UPDATE NOWAIT", [DATA, "SELECT id FROM entity WHERE id = 'bob' FOR UPDATE NOWAIT"], [("bob",)]),
    ("state FOR UPDATE SKIP LOCKED", [DATA, "SELECT id FROM entity WHERE id = 'bob' FOR UPDATE SKIP LOCKED"], [("bob",)]),
    ("state any order of columns", [DATA, FACE.format("updated_at timestamptz, tags text[], id text", "entitydb", ""),
        "SELECT id, updated_at FROM f WHERE id = 'bob'"], [("bob", "2020-02-01 00:00:00+00")]),
    ("state version", [DATA, VERSIONED, "UPDATE f SET tags = '{a}', version = 99 WHERE id = 'bob' AND version = 1", "SELECT version > 1 FROM f WHERE id = 'bob'"],
        [("t",)]),
    ("state _ns columns", [FACE.format("id text, created_at timestamptz, created_at_ns bigint, updated_at_ns bigint", "entitydb", ""),
        "INSERT INTO f VALUES ('n', '2020-01-01', 1577836800000000007)", "SELECT created_at_ns, updated_at_ns FROM f"],
        [("1577836800000000007", "1577836800000000007")]),
    ("on_conflict put", [DATA, UPSERT, "INSERT INTO f (id, tags) VALUES ('ada', '{a}'), ('new', '{b}')", "SELECT id, tags, content FROM f WHERE id IN ('ada', 'new') ORDER BY id"],
        [("ada", "{a}", "\\x6f6e65"), ("new", "{b}", None)]),
    ("on_conflict nothing", [DATA, UPSERT.replace("'put'", "'nothing'"), "INSERT INTO f (id, tags) VALUES ('ada', '{a}'), ('new', '{b}') RETURNING id"], [("new",)]),
    ("on_conflict error", [DATA, UPSERT.replace("'put'", "'error'"), "INSERT INTO f (id) VALUES ('new') RETURNING id"], [("new",)]),
    ("event INSERT", [DATA, "INSERT INTO entity_event (id, ts, op, tag) VALUES ('ada', '2020-05-01', NULL, 'x')",
        "SELECT op, seq > 1 FROM entity_event WHERE tag = 'x'"], [("assert", "t")]),
    ("event op content", ["INSERT INTO entity_event (id, content) VALUES ('c', 'x')", "SELECT op, content FROM entity_event"], [("content", "\\x78")]),
    ("version rows", [DATA, "SELECT entity_tag('bob', 'x', '2021-01-01')", "SELECT tags, valid_from, valid_to, version FROM entity_version WHERE id = 'bob' ORDER BY valid_from"],
        [("{type:user}", "2020-02-01 00:00:00+00", "2021-01-01 00:00:00+00", "1"), ("{type:user,x}", "2021-01-01 00:00:00+00", None, "2")]),
    ("tag rows", [DATA, "SELECT entity_untag('web1', 'status:up', '2021-01-01')", "SELECT id, tag, valid_from, valid_to FROM entity_tag WHERE id = 'web1' ORDER BY tag"],
        [("web1", "status:up", "2020-03-01 00:00:00+00", "2021-01-01 00:00:00+00"), ("web1", "type:host", "2020-03-01 00:00:00+00", None)]),
    ("import_system_time", ["SET LOCAL entitydb.import_system_time = on",
        "INSERT INTO entity_event (id, ts, op, tag, recorded_at) VALUES ('i', '2020-01-01', 'assert', 'x', '2020-06-01')",
        "SELECT recorded_at FROM entity_event"], [("2020-06-01 00:00:00+00",)]),
    ("untyped instants", [DATA, "SELECT count(*) FROM entity_as_of('2020-01-15')"], [("1",)]),
    ("untyped instants and histories", [DATA, "SELECT count(*) FROM entity_history('ada', '-infinity', '2020-01-15') WHERE op = 'assert'"], [("3",)]),
    ("snapshots", [DATA, "SELECT count(*) FROM entity_as_of_snapshot(entity_snapshot())"], [("0",)]),
    ("changes exclude one's own", [DATA, "SELECT count(*) FROM entity_changes()"], [("0",)]),
    ("diff", [DATA, "SELECT op, tag FROM entity_diff('bob', '2020-01-15', '2020-02-15')"], [("create", None), ("assert", "type:user")]),
    ("diff_set", [DATA, "SELECT id, change FROM entity_diff_set('{type:user}', '2020-01-15', '2020-02-15')"], [("bob", "entered")]),
    ("put", [DATA, "SELECT entity_put('ada', NULL), entity_put('ada', '{a}'), entity_put('new', '{}')"], [("unchanged", "changed", "created")]),
    ("set", [DATA, "SELECT entity_set('web1', 'status', 'down'), entity_set('web1', 'status', 'down')"], [("t", "f")]),
    ("clear_content", [DATA, "SELECT entity_clear_content('ada'), entity_clear_content('ada')"], [("t", "f")]),
    ("untag and delete nobody", ["SELECT entity_untag('nobody', 'x'), entity_delete('nobody')"], [("f", "f")]),
    ("facets", [DATA, "SELECT value, count FROM entity_facets('type')"], [("user", "2"), ("host", "1")]),
    ("trend", [DATA, "SELECT at, count FROM entity_trend('{type:user}', '2020-01-15', '2020-03-15', '1 month')"],
        [("2020-01-15 00:00:00+00", "1"), ("2020-02-15 00:00:00+00", "2"), ("2020-03-15 00:00:00+00", "2")]),
    ("trend_by", [DATA, "SELECT at, value, count FROM entity_trend_by('type', '{}', '2020-02-15', '2020-03-15', '1 month')"],
        [("2020-02-15 00:00:00+00", "user", "2"), ("2020-03-15 00:00:00+00", "host", "1"), ("2020-03-15 00:00:00+00", "user", "2")]),
    ("namespace", ["INSERT INTO entity (id, tags) VALUES ('a', '{s:1}')", "SELECT entity_tag('a', 's:2')", "SELECT entity_namespace('s', 'one')",
        "SELECT tags FROM entity"], [("{s:2}",)]),
    ("has_tag", ["SELECT entity_has_tag('{a:b}', 'a:*'), entity_has_tag('{a*}', 'a\\*'), entity_has_tag('{ab}', 'a\\*')"], [("t", "t", "f")]),
    ("related", [DATA, "SELECT id FROM entity_related('ada', 'knows')"], [("bob",)]),
    ("referrers", [DATA, "SELECT id FROM entity_referrers('bob', 'knows', '2020-02-01')"], [("ada",)]),
    ("import", ["SELECT entity_import('u', '{1748563200000000000|type:user}')", "SELECT ts_ns, tag FROM entity_event WHERE op = 'assert'"],
        [("1748563200000000000", "type:user")]),
    ("nanoseconds", ["SELECT entitydb.ns('2020-01-01 00:00:00.123456789+00'), entitydb.ts(-1), entitydb.ns_text(1)"],
        [("1577836800123456789", "1969-12-31 23:59:59.999999+00", "1970-01-01 00:00:00.000000001+00")]),
    ("session as_of", [DATA, "SET LOCAL entitydb.as_of = '2020-01-15'", "SELECT count(*) FROM entity"], [("1",)]),
    ("session as_of_system", [DATA, "SET LOCAL entitydb.as_of_system = '2020-01-15'", "SELECT count(*) FROM entity"], [("0",)]),
    ("transaction note", ["SET LOCAL entitydb.note = 'JIRA-1'", DATA,
        "SELECT t.note, t.role FROM entitydb.transaction t WHERE t.tx = pg_current_xact_id()"], [("JIRA-1", "postgres")]),
    ("typed scalar and array", [TYPED, "INSERT INTO issue (id, status, priority, labels, content) VALUES ('i1', 'open', 3, '{b,a}', '{\"a\": 1}')",
        "SELECT tags, status, priority, labels, content FROM issue"],
        [("{labels:a,labels:b,priority:3,status:open}", "open", "3", "{a,b}", '{"a": 1}')]),
    ("typed none", [TYPED, "SELECT issue_put('i2', '{}')", "SELECT status, priority, labels FROM issue"], [(None, None, "{}")]),
    ("typed version", [TYPED, "INSERT INTO issue (id, status) VALUES ('i1', 'open')", "SELECT status, priority FROM issue_version"], [("open", None)]),
    ("typed cardinality one", [TYPED, "SELECT issue_put('i1', '{status:open}')", "SELECT issue_tag('i1', 'status:closed')", "SELECT status FROM issue"], [("closed",)]),
    ("column option namespace", [DATA, FACE.format("id text, kind text OPTIONS (namespace 'type')", "entitydb", ""), "SELECT kind FROM f WHERE id = 'web1'"], [("host",)]),
    ("column option on_many null", ["INSERT INTO entity (id, tags) VALUES ('a', '{n:1,n:2}')", FACE.format("n int OPTIONS (on_many 'null')", "entitydb", ""), "SELECT n FROM f"], [(None,)]),
    ("column option on_many min", ["INSERT INTO entity (id, tags) VALUES ('a', '{n:10,n:9}')", FACE.format("n int OPTIONS (on_many 'min')", "entitydb", ""), "SELECT n FROM f"], [("9",)]),
    ("column option on_many max", ["INSERT INTO entity (id, tags) VALUES ('a', '{n:10,n:9}')", FACE.format("n int OPTIONS (on_many 'max')", "entitydb", ""), "SELECT n FROM f"], [("10",)]),
    ("new dataset by CREATE FOREIGN TABLE", ["CREATE FOREIGN TABLE fresh (id text) SERVER entitydb OPTIONS (dataset 'fresh')", "INSERT INTO fresh VALUES ('a') RETURNING id"], [("a",)]),
    ("make_functions", ["CREATE FOREIGN TABLE fresh (id text, tags text[]) SERVER entitydb OPTIONS (dataset 'fresh')", "SELECT entitydb.make_functions('fresh')",
        "SELECT fresh_put('a', '{x}')"], [("created",)]),
    ("retention", ["SELECT entitydb.set_retention('entity', keep => '1 year', tags => '{type:log}', keep_versions => 3)"], None),
    ("hold", ["SELECT entitydb.hold('entity', '{type:user}')"], None),
    ("set_notify", ["SELECT entitydb.set_notify('entity', true)"], None),
    ("erasure is listed", ["SELECT count(*) FROM entitydb.erasure"], [("0",)]),
    ("entity_drop", ["SELECT entity_create('gone')", "SELECT entity_drop('gone')", "SELECT entity_drop('gone', true)", "SELECT to_regclass('gone_event')"], [(None,)]),
] + [
    (f"id {type_}", [f"SELECT entity_create('keyed', id => '{type_}')", f"SELECT keyed_put('{value}', '{{x}}')", f"SELECT id FROM keyed WHERE id = '{value}'"], [(value,)])
    for type_, value in [("uuid", "11111111-2222-3333-4444-555555555555"), ("bigint", "-5"), ("int", "7")]
] + [
    (f"content {type_}", [f"SELECT entity_create('held', 'content {type_}')", f"SELECT held_put('a', '{{}}', '{value}')", "SELECT content FROM held"], [(value,)])
    for type_, value in [("text", "some text"), ("jsonb", '{"a": 1}')]
]

# Errors: (name, statements before, the statement that fails, SQLSTATE, what the hint or the message must name, or None).
ERRORS = [
    ("id exists", [DATA], "INSERT INTO entity (id) VALUES ('ada')", "23505", "ada"),
    ("id does not exist, tag", [], "SELECT entity_tag('nobody', 'x')", "P0002", "entity_put"),
    ("id does not exist, set", [], "SELECT entity_set('nobody', 'x', 'y')", "P0002", "entity_put"),
    ("id does not exist, clear_content", [], "SELECT entity_clear_content('nobody')", "P0002", "entity_put"),
    ("NULL id", [], "INSERT INTO entity (id) VALUES (NULL)", "23502", "id"),
    ("NULL id in a function", [], "SELECT entity_put(NULL, '{}')", "23502", "id"),
    ("NULL tag", [DATA], "SELECT entity_tag('ada', NULL)", "23502", "tag"),
    ("NULL in an array", [], "INSERT INTO entity (id, tags) VALUES ('x', '{NULL}')", "23502", "tag"),
    ("empty id", [], "INSERT INTO entity (id) VALUES ('')", "22023", "id"),
    ("empty tag", [DATA], "SELECT entity_tag('ada', '')", "22023", "tag"),
    ("long id", [], "INSERT INTO entity (id) VALUES (repeat('x', 1025))", "54000", "1024"),
    ("long tag", [DATA], "SELECT entity_tag('ada', repeat('x', 1025))", "54000", "1024"),
    ("many tags", [], "SELECT entity_put('x', (SELECT array_agg('t' || i) FROM generate_series(1, 65536) i))", "54000", "65535"),
    ("out of range", [], "INSERT INTO entity (id, created_at) VALUES ('x', '2262-01-01')", "22008", "2261"),
    ("many points", [], "SELECT count(*) FROM entity_trend('{}', '2000-01-01', '2020-01-01', '1 second')", "54000", "1000000"),
    ("write while as_of is set", ["SET LOCAL entitydb.as_of = '2020-01-01'"], "INSERT INTO entity (id) VALUES ('x')", "25006", "as_of"),
    ("function while as_of is set", ["SET LOCAL entitydb.as_of = '2020-01-01'"], "SELECT entity_put('x', '{}')", "25006", "as_of"),
    ("write while as_of_system is set", ["SET LOCAL entitydb.as_of_system = '2020-01-01'"], "INSERT INTO entity (id) VALUES ('x')", "25006", "as_of_system"),
    ("write to a version face", [], "INSERT INTO entity_version (id) VALUES ('x')", "0A000", "entity"),
    ("write to a tag face", [], "INSERT INTO entity_tag (id, tag) VALUES ('x', 'y')", "0A000", "entity"),
    ("UPDATE of id", [DATA], "UPDATE entity SET id = 'new' WHERE id = 'ada'", "0A000", "*"),
    ("UPDATE of created_at", [DATA], "UPDATE entity SET created_at = '2019-01-01' WHERE id = 'ada'", "0A000", "*"),
    ("UPDATE of an event", [DATA], "UPDATE entity_event SET tag = 'x'", "0A000", "*"),
    ("DELETE of an event", [DATA], "DELETE FROM entity_event", "0A000", "*"),
    ("updated_at before the current", [DATA, "SELECT entity_tag('ada', 'x')"], "UPDATE entity SET tags = '{}', updated_at = '2020-01-02' WHERE id = 'ada'", "22008", "entity_put"),
    ("unknown option", [], FACE.format("id text", "entitydb", ", nonsense 'x'"), "HV00D", "on_conflict"),
    ("unknown column option", [], FACE.format("n int OPTIONS (nonsense 'x')", "entitydb", ""), "HV00D", "on_many"),
    ("column of a wrong type", [], FACE.format("id text, tags text", "entitydb", ""), "HV004", "text[]"),
    ("unknown column of an event face", [], FACE.format("id text, nonsense int", "entitydb_log", ""), "HV007", "recorded_at"),
    ("unknown column of a tag face", [], FACE.format("id text, nonsense int", "entitydb", ", shape 'tag'"), "HV007", "valid_from"),
    ("name too long", [], "SELECT entity_create(repeat('x', 45))", "42622", "44"),
    ("name too long in an option", [], f"CREATE FOREIGN TABLE f (id text) SERVER entitydb OPTIONS (dataset '{'x' * 45}')", "42622", "44"),
    ("not a member of the owner, face", ["CREATE ROLE contract_stranger", "GRANT CREATE ON SCHEMA public TO contract_stranger", "SET LOCAL ROLE contract_stranger"],
        FACE.format("id text", "entitydb", ""), "42501", None),
    ("not a member of the owner, seal", ["CREATE ROLE contract_stranger", "SET LOCAL ROLE contract_stranger"], "SELECT entitydb.seal('entity')", "42501", None),
    ("not a member of the owner, drop", ["CREATE ROLE contract_stranger", "SET LOCAL ROLE contract_stranger"], "SELECT entity_drop('entity')", "42501", None),
    ("not a member of the owner, erase", ["CREATE ROLE contract_stranger", "SET LOCAL ROLE contract_stranger"], "SELECT entitydb.erase('entity', '{a}', 'x')", "42501", None),
    ("not a member of the owner, retention", ["CREATE ROLE contract_stranger", "SET LOCAL ROLE contract_stranger"], "SELECT entitydb.set_retention('entity', keep => '1 year')", "42501", None),
    ("import_system_time of an ordinary role", ["CREATE ROLE contract_stranger", "SET LOCAL ROLE contract_stranger"], "SET LOCAL entitydb.import_system_time = on", "42501", None),
    ("token from the future", [], "SELECT count(*) FROM entity_changes('9000000000:9000000000:')", "22023", None),
    ("other wildcard", [], "SELECT entity_has_tag('{a}', 'a*b')", "22023", None),
    ("ts_ns beside another ts", [], "INSERT INTO entity_event (id, ts, ts_ns, tag) VALUES ('x', '2020-01-01', 5, 't')", "22023", "ts_ns"),
    ("created_at_ns beside another created_at", [FACE.format("id text, created_at timestamptz, created_at_ns bigint", "entitydb", "")],
        "INSERT INTO f VALUES ('x', '2020-01-01', 5)", "22023", "created_at_ns"),
    ("several values in a scalar column", ["INSERT INTO entity (id, tags) VALUES ('a', '{n:1,n:2}')", FACE.format("n int", "entitydb", "")], "SELECT n FROM f", "21000", "a"),
    ("value that the type cannot read", ["INSERT INTO entity (id, tags) VALUES ('a', '{n:many}')", FACE.format("n int", "entitydb", "")], "SELECT n FROM f", "22P02", "n:many"),
    ("tags and a tag column disagree", [TYPED], "INSERT INTO issue (id, tags, status) VALUES ('a', '{status:open}', 'closed')", "22023", "status"),
    ("two values of a namespace of one", ["SELECT entity_namespace('s', 'one')"], "INSERT INTO entity (id, tags) VALUES ('a', '{s:1,s:2}')", "22023", "s"),
    ("wrong cardinality", [], "SELECT entity_namespace('s', 'some')", "22023", None),
    ("import without a stamp", [], "SELECT entity_import('a', '{type:user}')", "22023", None),
    ("marker outside a scan", [], "SELECT entitydb.at(0, now(), NULL)", "0A000", None),
    ("unknown shape", [], FACE.format("id text", "entitydb", ", shape 'round'"), "HV024", "version"),
    ("hold is in the way of TRUNCATE", [DATA, "SELECT entitydb.hold('entity', '{type:user}')"], "TRUNCATE entity", "*", None),
]

# Errors that need READ COMMITTED to be left.
REPEATABLE_READ_ERRORS = [
    ("seal in REPEATABLE READ", "SELECT entitydb.seal('entity')"),
    ("compact in REPEATABLE READ", "SELECT entitydb.compact('entity')"),
    ("erase in REPEATABLE READ", "SELECT entitydb.erase('entity', '{a}', 'x')"),
]

# Conditions that the scan answers: (name, statements before, query). Its plan has no Filter, Sort or Limit of its own.
PUSHED = [
    ("id =", [], "SELECT id FROM entity WHERE id = 'ada'"),
    ("id = ANY", [], "SELECT id FROM entity WHERE id = ANY ('{ada,bob}')"),
    ("id ranges", [], "SELECT id FROM entity WHERE id >= 'a' AND id < 'b'"),
    ("id prefixes", [], "SELECT id FROM entity WHERE id LIKE 'ad%'"),
    ("tags @>", [], "SELECT id FROM entity WHERE tags @> '{type:user}'"),
    ("tags &&", [], "SELECT id FROM entity WHERE tags && '{type:user,type:host}'"),
    ("= ANY (tags)", [], "SELECT id FROM entity WHERE 'type:user' = ANY (tags)"),
    ("entity_has_tag", [], "SELECT id FROM entity WHERE entity_has_tag(tags, 'type:*')"),
    ("AND, OR, NOT", [], "SELECT id FROM entity WHERE NOT (tags @> '{a}' OR (id = 'x' AND NOT tags && '{b}'))"),
    ("instants", [], "SELECT id FROM entity_as_of('2020-01-15') WHERE tags @> '{type:user}'"),
    ("ts", [], "SELECT id FROM entity_event WHERE ts > '2020-01-15' AND ts <= '2021-01-01'"),
    ("created_at", [], "SELECT id FROM entity WHERE created_at BETWEEN '2020-01-01' AND '2020-02-01'"),
    ("updated_at", [], "SELECT id FROM entity WHERE updated_at < '2020-02-01'"),
    ("valid_from", [], "SELECT id FROM entity_version WHERE valid_from > '2020-01-15'"),
    ("valid_to", [], "SELECT id FROM entity_tag WHERE valid_to < '2020-01-15'"),
    ("LIMIT and ORDER BY id", [], "SELECT id FROM entity WHERE tags @> '{type:user}' ORDER BY id LIMIT 5"),
    ("ORDER BY updated_at", [], "SELECT id FROM entity ORDER BY updated_at LIMIT 5"),
    ("ORDER BY ts", [], "SELECT id FROM entity_event ORDER BY ts LIMIT 5"),
    ("count", [], "SELECT count(*) FROM entity WHERE tags @> '{type:user}'"),
    ("tag column =", [TYPED], "SELECT id FROM issue WHERE status = 'open'"),
    ("tag column <", [TYPED], "SELECT id FROM issue WHERE priority < 3"),
    ("tag column BETWEEN", [TYPED], "SELECT id FROM issue WHERE priority BETWEEN 1 AND 3"),
    ("tag column LIKE", [TYPED], "SELECT id FROM issue WHERE status LIKE 'o%'"),
    ("array tag column", [TYPED], "SELECT id FROM issue WHERE labels @> '{bug}'"),
    ("count grouped by a tag column", [TYPED], "SELECT status, count(*) FROM issue GROUP BY status"),
    ("content LIKE", ["SELECT entity_create('held', 'content text')"], "SELECT id FROM held WHERE content LIKE '%needle%'"),
]
