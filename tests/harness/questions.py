"""Random questions to dataset `entity`, each answered by the database and by the model.

Invariant: what a question expects is computed from the model's events alone.
"""

import collections
import json

from keeping import Below
from model import START
from pgwire import array, literal
from writes import IDS, LOADED, PAST, TAGS, FUTURE, blob, timestamp

MICROS = "(extract(epoch FROM {}) * 1000000)::bigint"


class Questions:
    """Asks a `Writes` session and compares with its model."""

    def __init__(self, run):
        self.run, self.db, self.rng, self.report = run, run.db, run.rng, run.report
        self.known = []
        self.run.remembered.append(self.known)
        self.below = Below(self)
        self.db.query("SET plan_cache_mode = force_generic_plan")
        self.db.query(
            "PREPARE carrying (bigint, text[], text[]) AS "
            "SELECT id FROM entity_as_of_ns($1) WHERE tags @> $2 AND NOT tags && $3"
        )
        self.db.query("PREPARE one (text, timestamptz) AS SELECT array_to_json(tags) FROM entity_as_of($2) WHERE id = $1")

    @property
    def model(self):
        return self.run.model

    def remember(self):
        """What is known at this moment, for questions on the system axis."""
        if len(self.known) == 60:
            self.known.pop(self.rng.randrange(60))
        self.known.append([self.db.value("SELECT clock_timestamp()"), self.run.truncated, self.model.copy()])

    # States.

    def states(self, source):
        rows = self.db.rows(
            f"SELECT id, array_to_json(tags), convert_from(content, 'UTF8'), {MICROS.format('created_at')}, "
            f"{MICROS.format('updated_at')} FROM {source}"
        )
        found = {}
        for id_, tags, content, created_at, updated_at in rows:
            list_ = json.loads(tags)
            self.report.check(list_ == sorted(set(list_), key=str.encode), f"tags of {id_} unsorted: {list_}")
            self.report.check(id_ not in found, f"{id_} twice in {source}")
            found[id_] = (frozenset(list_), content, int(created_at), int(updated_at))
        return found

    def same(self, source, states):
        found = self.states(source)
        expected = {i: (s.tags, s.content, s.created_at // 1000, s.updated_at // 1000) for i, s in states.items()}
        wrong = sorted(i for i in found.keys() | expected.keys() if found.get(i) != expected.get(i))
        detail = "" if not wrong else (
            f": {len(wrong)} differ, {wrong[0]}: found {found.get(wrong[0])!r:.200}, expected {expected.get(wrong[0])!r:.200}; "
            f"its events {self.model.history(wrong[0])!r:.1500}"
        )  # fmt: skip
        self.report.check(not wrong, f"{source}{detail}")

    def check_now(self):
        self.same("entity", self.model.states(self.run.now()))

    def random_ns(self):
        """Near an event, and not below a floor."""
        low = self.model.highest_floor()
        every = sorted({e.ts for events in self.model.events.values() for e in events if e.ts >= low}) or [max(0, low)]
        return max(low, self.rng.choice(every) + self.rng.choice([0, 0, -1, 1, 1000, -1000]))

    def instant(self):
        """A source that is bound to an instant, and its states."""
        t, kind = self.random_ns(), self.rng.randrange(4)
        if kind == 0:
            return "entity", self.model.states(self.run.now())
        if kind == 1:
            return f"entity_as_of_ns({t})", self.model.states(t)
        # A timestamptz read reaches the end of its microsecond (S9).
        end = t // 1000 * 1000 + 999
        known = [(system, then) for system, truncated, then in self.known if truncated == self.run.truncated]
        if kind == 2 or not known:
            return f"entity_as_of({timestamp(t)})", self.model.states(end)
        system, then = self.rng.choice(known)
        # A cardinality reaches back under every token (S11).
        then.one = self.model.one
        return f"entity_as_of({timestamp(t)}, {literal(system)})", then.states(end)

    # Conditions.

    def leaf(self):
        rng = self.rng
        tags, tag, id_ = rng.sample(TAGS, rng.randrange(4)), rng.choice(TAGS), rng.choice(IDS + LOADED)
        other, at = rng.choice(IDS + LOADED), rng.choice(PAST + FUTURE)
        low, high = sorted([id_, other])
        prefix = rng.choice(["status:", "type", "a", "", "é", "status:old"])
        return rng.choice(
            [
                (f"tags @> {array(tags)}", lambda i, s: s.tags >= set(tags)),
                (f"tags && {array(tags)}", lambda i, s: bool(s.tags & set(tags))),
                (f"{literal(tag)} = ANY (tags)", lambda i, s: tag in s.tags),
                (f"tags <@ {array(tags)}", lambda i, s: s.tags <= set(tags)),
                (f"entity_has_tag(tags, {literal(prefix + '*')})", lambda i, s: any(t.startswith(prefix) for t in s.tags)),
                (f"entity_has_tag(tags, {literal(tag)})", lambda i, s: tag in s.tags),
                (f"id = {literal(id_)}", lambda i, s: i == id_),
                (f"id = ANY ({array([id_, other, 'none'])})", lambda i, s: i in (id_, other)),
                (f"id BETWEEN {literal(low)} AND {literal(high)}", lambda i, s: low <= i <= high),
                (f"id > {literal(id_)}", lambda i, s: i > id_),
                ("id LIKE 'id1%'", lambda i, s: i.startswith("id1")),
                ("content IS NULL", lambda i, s: s.content is None),
                self.content_leaf(),
                (f"created_at > {timestamp(at)}", lambda i, s: s.created_at // 1000 > at // 1000),
                (f"updated_at <= {timestamp(at)}", lambda i, s: s.updated_at // 1000 <= at // 1000),
            ]
        )

    def content_leaf(self):
        part, length = self.rng.choice(["ext", "ab", "xx", "te_t", "none", ""]), self.rng.choice([0, 3, 4, 3000])
        sql, holds = self.rng.choice(
            [
                (f"content LIKE {literal('%' + part + '%')}::bytea", lambda c: part.replace("_", "x") in c),
                (f"content LIKE {literal(part + '%')}::bytea", lambda c: c.startswith(part.replace("_", "x"))),
                (f"position({blob(part)} IN content) > 0", lambda c: part in c),
                (f"position({blob(part)} IN content) = 2", lambda c: c.find(part) == 1),
                (f"length(content) > {length}", lambda c: len(c) > length),
                (f"substring(content, {length}, 3) = {blob('xxx')}", lambda c: c[max(0, length - 1) : length + 2] == "xxx"),
                (f"content = {blob(part)}", lambda c: c == part),
            ]
        )
        return f"(content IS NOT NULL AND {sql})", lambda i, s: s.content is not None and holds(s.content)

    def tree(self, depth):
        """A condition as SQL and as a predicate on (id, state)."""
        kind = self.rng.choice(["leaf", "and", "or", "not"]) if depth else "leaf"
        if kind == "leaf":
            return self.leaf()
        sql, holds = self.tree(depth - 1)
        if kind == "not":
            return f"NOT ({sql})", lambda i, s: not holds(i, s)
        other_sql, other = self.tree(depth - 1)
        if kind == "and":
            return f"({sql} AND {other_sql})", lambda i, s: holds(i, s) and other(i, s)
        return f"({sql} OR {other_sql})", lambda i, s: holds(i, s) or other(i, s)

    def check_condition(self):
        source, states = self.instant()
        sql, holds = self.tree(3)
        expected = sorted(i for i, s in states.items() if holds(i, s))
        where = f"{source} WHERE {sql}"
        self.report.equal(sorted(r[0] for r in self.db.rows(f"SELECT id FROM {where}")), expected, f"ids of {where}")
        self.report.equal(int(self.db.value(f"SELECT count(*) FROM {where}")), len(expected), f"count of {where}")
        form = self.rng.randrange(5)
        if form == 0:
            exists = self.db.value(f"SELECT EXISTS (SELECT FROM {where})") == "t"
            self.report.equal(exists, bool(expected), f"exists of {where}")
        elif form == 1:
            found = [r[0] for r in self.db.rows(f"SELECT id FROM {where} ORDER BY id LIMIT 3 OFFSET 1")]
            self.report.equal(found, expected[1:4], f"first of {where}")
        elif form == 2:
            self.same(where, {i: states[i] for i in expected})
        elif form == 3:
            rows = self.db.rows(f"SELECT u.id FROM unnest({array(IDS)}) u (id) LEFT JOIN (SELECT * FROM {where}) e ON e.id = u.id WHERE e.id IS NULL")
            self.report.equal(sorted(r[0] for r in rows), sorted(set(IDS) - set(expected)), f"anti join with {where}")
        else:
            rows = self.db.rows(f"SELECT tag, count(*) FROM (SELECT * FROM {where}) e, unnest(e.tags) tag GROUP BY tag")
            tags = [tag for i in expected for tag in states[i].tags]
            self.report.equal({t: int(n) for t, n in rows}, {t: tags.count(t) for t in tags}, f"tags of {where}")

    def check_prepared(self):
        t, tags, others = self.random_ns(), self.rng.sample(TAGS, 1), self.rng.sample(TAGS, 2)
        rows = self.db.rows(f"EXECUTE carrying ({t}, {array(tags)}, {array(others)})")
        states = self.model.states(t)
        expected = sorted(i for i, s in states.items() if s.tags >= set(tags) and not s.tags & set(others))
        self.report.equal(sorted(r[0] for r in rows), expected, f"prepared as of {t}: {tags} and not {others}")
        id_ = self.rng.choice(IDS)
        rows = self.db.rows(f"EXECUTE one ({literal(id_)}, {timestamp(t)})")
        state = self.model.state(id_, t // 1000 * 1000 + 999)
        expected = [] if state is None else [sorted(state.tags, key=str.encode)]
        self.report.equal([json.loads(r[0]) for r in rows], expected, f"prepared state of {id_} at {t} us")

    def check_lateral(self):
        instants, tag = sorted({self.random_ns() for _ in range(3)}), self.rng.choice(TAGS)
        values = ", ".join(f"({t}::bigint)" for t in instants)
        rows = self.db.rows(
            f"SELECT d.t, count(e.id) FROM (VALUES {values}) d (t) LEFT JOIN LATERAL "
            f"(SELECT * FROM entity_as_of_ns(d.t) WHERE tags @> {array([tag])}) e ON true GROUP BY d.t ORDER BY d.t"
        )
        expected = [(t, sum(tag in s.tags for s in self.model.states(t).values())) for t in instants]
        self.report.equal([(int(t), int(n)) for t, n in rows], expected, f"{tag} at each of {instants}")

    def check_facets(self):
        t, namespace = self.random_ns(), self.rng.choice(["status", "type", "a", "a:b", "status:old", "none"])
        tags = self.rng.sample(TAGS, self.rng.choice([0, 0, 1]))
        at, end = (f", {timestamp(t)}", t // 1000 * 1000 + 999) if self.rng.random() < 0.7 else ("", self.run.now())
        rows = self.db.rows(f"SELECT value, count FROM entity_facets({literal(namespace)}, {array(tags)}{at})")
        expected = self.model.facets(namespace, tags, end)
        self.report.equal([(v, int(n)) for v, n in rows], expected, f"facets of {namespace} with {tags} at {t}")

    def check_trend(self):
        """Every point of a trend is a count there; by value, it is the facets there."""
        tags, namespace = self.rng.sample(TAGS, self.rng.choice([0, 1, 1, 2])), self.rng.choice(["status", "type", "a"])
        start, step = self.random_ns() // 1000, self.rng.choice([1, 1000, 86400 * 10**6, 86400 * 10**8])
        points = [start + n * step for n in range(self.rng.randrange(1, 40))]
        span = f"{timestamp(points[0] * 1000)}, {timestamp(points[-1] * 1000)}, {step} * interval '1 microsecond'"
        states = {t: self.model.states(t * 1000 + 999) for t in points}
        at = MICROS.format("at")
        found = self.db.rows(f"SELECT {at}, count FROM entity_trend({array(tags)}, {span})")
        expected = [(t, sum(s.tags >= set(tags) for s in states[t].values())) for t in points]
        self.report.equal([(int(t), int(n)) for t, n in found], expected, f"trend of {tags} over {span}")
        found = self.db.rows(f"SELECT {at}, value, count FROM entity_trend_by({literal(namespace)}, {array(tags)}, {span})")
        expected = [(t, v, n) for t in points for v, n in sorted(self.model.facets(namespace, tags, t * 1000 + 999), key=lambda f: f[0].encode())]
        self.report.equal([(int(t), v, int(n)) for t, v, n in found], expected, f"trend of {tags} by {namespace} over {span}")

    def check_sets(self):
        """What entered and left a set, and what points to what."""
        tags, t1, t2 = self.rng.sample(TAGS, self.rng.choice([0, 1, 2])), self.random_ns(), self.random_ns()
        old, new = (self.model.carriers(tags, t // 1000 * 1000 + 999) for t in (t1, t2))
        found = self.db.rows(f"SELECT id, change FROM entity_diff_set({array(tags)}, {timestamp(t1)}, {timestamp(t2)})")
        expected = [(i, "entered") for i in new - old] + [(i, "left") for i in old - new]
        self.report.equal(sorted(found), sorted(expected), f"difference of {tags} from {t1} to {t2}")
        relation, id_ = self.rng.choice([tag for tag in TAGS if ":" in tag]).split(":", 1)
        at, end = (f", {timestamp(t1)}", t1 // 1000 * 1000 + 999) if self.rng.random() < 0.7 else ("", self.run.now())
        found = self.db.rows(f"SELECT id FROM entity_referrers({literal(id_)}, {literal(relation)}{at})")
        expected = self.model.carriers([f"{relation}:{id_}"], end)
        self.report.equal(sorted(r[0] for r in found), sorted(expected), f"referrers of {id_} by {relation} at {t1}")
        one = self.rng.choice(IDS)
        found = self.db.rows(f"SELECT id FROM entity_related({literal(one)}, {literal(relation)}{at})")
        state = self.model.state(one, end)
        expected = [tag[len(relation) + 1 :] for tag in (state.tags if state else []) if tag.startswith(relation + ":")]
        self.report.equal(sorted(r[0] for r in found), sorted(expected), f"related to {one} by {relation} at {t1}")

    def check_exact(self):
        """Another face of the dataset: nanoseconds, and versions, which are those of the event face."""
        t, versions = self.random_ns(), "SELECT id, max(seq) FROM entity_event WHERE ts_ns <= {} GROUP BY id"
        rows = self.db.rows(
            "SELECT f.id, f.created_at_ns, f.updated_at_ns, f.version = v.version FROM exact_face f "
            f"LEFT JOIN ({versions.format(t)}) v (id, version) ON v.id = f.id WHERE entitydb.at_ns(f.tableoid, {t})"
        )
        expected = [(i, str(s.created_at), str(s.updated_at), "t") for i, s in self.model.states(t).items()]
        self.report.equal(sorted(rows), sorted(expected), f"exact times and versions at {t}")
        rows = self.db.rows(f"SELECT entitydb.ns(entitydb.ns_text({t})), entitydb.ns(entitydb.ts({t}))")
        self.report.equal(rows, [(str(t), str(t // 1000 * 1000))], f"{t} ns as text and as timestamptz")

    def check_floor(self):
        """What was known before a TRUNCATE or before what retention took cannot be asked any more (S15, S19)."""
        self.below.check()
        below = [system for system, truncated, _ in self.known if truncated != self.run.truncated]
        if below:
            self.below.refused(f"SELECT id FROM entity_as_of('infinity', {literal(self.rng.choice(below))})")

    # Events. Which statement records `create`, and where a `cancel` was not needed, is not compared: states and diffs tell.

    def same_events(self, found, expected, what):
        more, less = collections.Counter(found), collections.Counter(expected)
        self.report.equal(list((more - less).elements()), list((less - more).elements()), f"{what}, where they differ")

    def check_events(self):
        rows = self.db.rows("SELECT id, ts_ns, op, tag, convert_from(content, 'UTF8'), seq FROM entity_event")
        seqs, found = {}, []
        for id_, ts, op, tag, content, seq in rows:
            seqs.setdefault(id_, []).append(int(seq))
            if op not in ("create", "cancel"):
                found.append((id_, int(ts), op, tag, content))
        lost = self.model.floors
        gaps = [id_ for id_, list_ in seqs.items() if list_ != (sorted(set(list_)) if id_ in lost else list(range(1, len(list_) + 1)))]
        self.report.check(not gaps, f"S17: the events of {gaps[:1]} are not in seq order without gaps")
        expected = [(id_, e.ts, e.op, e.tag, e.content) for id_, events in self.model.events.items() for e in shown(events)]
        self.same_events(self.left(found), self.left(expected), "all events")

    def left(self, rows):
        """Rows (id, ts, ..) of events without those of which retention took some."""
        return [row for row in rows if row[1] >= self.model.floors.get(row[0], START)]

    def check_timeline(self):
        since, until = sorted([self.random_ns(), self.random_ns()])
        rows = self.db.rows(
            "SELECT id, ts_ns, op, tag, convert_from(content, 'UTF8') "
            f"FROM entity_timeline({timestamp(since)}, {timestamp(until)})"
        )
        found = [(i, int(ts), op, tag, content) for i, ts, op, tag, content in rows if op not in ("create", "cancel")]
        self.report.check([r[1] for r in found] == sorted(r[1] for r in found), "the timeline is in order")
        expected = self.model.timeline(since // 1000, until // 1000)
        expected = [(i, e.ts, e.op, e.tag, e.content) for i, e in expected if e.op not in ("create", "cancel")]
        self.same_events(found, expected, f"timeline from {since} to {until}")

    def check_entity(self, id_):
        rows = self.db.rows(f"SELECT ts_ns, op, tag, convert_from(content, 'UTF8') FROM entity_history({literal(id_)})")
        found = self.left([(id_, int(ts), op, tag, content) for ts, op, tag, content in rows if op not in ("create", "cancel")])
        expected = self.left([(id_, e.ts, e.op, e.tag, e.content) for e in shown(self.model.history(id_))])
        self.same_events(found, expected, f"history of {id_}")
        self.report.check([int(r[0]) for r in rows] == sorted(int(r[0]) for r in rows), f"history of {id_} is in order")
        t1, t2 = self.random_ns(), self.random_ns()
        until = self.rng.choice([timestamp(t2), "'infinity'"])
        rows = self.db.rows(f"SELECT ts_ns, op, tag FROM entity_history({literal(id_)}, {timestamp(t1)}, {until})")
        found = [(int(ts), op, tag) for ts, op, tag in rows if op not in ("create", "cancel")]
        last = t2 // 1000 if "infinity" not in until else FUTURE[-1]
        expected = [(e.ts, e.op, e.tag) for e in shown(self.model.history(id_)) if t1 // 1000 < e.ts // 1000 <= last]
        self.same_events(found, expected, f"history of {id_} from {t1} to {until}")
        rows = self.db.rows(
            "SELECT op, tag, convert_from(old_content, 'UTF8'), convert_from(new_content, 'UTF8') "
            f"FROM entity_diff({literal(id_)}, {timestamp(t1)}, {timestamp(t2)})"
        )
        expected = self.model.diff(id_, t1 // 1000 * 1000 + 999, t2 // 1000 * 1000 + 999)
        self.report.equal(rows, expected, f"diff of {id_} between {t1} and {t2}")

    def check_all(self):
        self.check_now()
        for _ in range(3):
            self.same(*self.instant())
            self.check_condition()
        for check in [self.check_prepared, self.check_lateral, self.check_facets, self.check_timeline, self.check_exact, self.check_floor, self.check_trend, self.check_sets]:
            check()
        for id_ in self.rng.sample(IDS, 2):
            self.check_entity(id_)
        if self.rng.random() < 0.2:
            self.check_events()


def shown(events):
    return [e for e in events if e.op not in ("create", "cancel")]
