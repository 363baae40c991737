"""Random questions about versions, intervals of tags, tokens, changes, bounds of a session and tag columns.

Invariant: as in questions.py, what a question expects is computed from the model's events alone.
"""

import collections
import json

from keeping import above
from pgwire import PgError, array, literal
from writes import TAGS, timestamp

COLUMN_FACE = (
    "CREATE FOREIGN TABLE IF NOT EXISTS column_face (id text, status text OPTIONS (on_many 'min') COLLATE \"C\", "
    "kind text[] OPTIONS (namespace 'type') COLLATE \"C\", created_at timestamptz) SERVER entitydb OPTIONS (dataset 'entity')"
)
COUNTED = "op NOT IN ('create', 'cancel')"


def values(tags, namespace):
    """The values of a namespace, in order (S4)."""
    return sorted((t[len(namespace) + 1 :] for t in tags if t.startswith(namespace + ":")), key=str.encode)


class Axes:
    """Asks what `questions` leaves out of the same session."""

    def __init__(self, questions):
        self.questions, self.run, self.db, self.rng, self.report = (
            questions, questions.run, questions.db, questions.rng, questions.report,
        )  # fmt: skip
        self.tokens = []
        self.run.remembered.append(self.tokens)
        self.run.on_erase = self.forget
        self.db.query(COLUMN_FACE)

    @property
    def model(self):
        return self.run.model

    def remember(self):
        """A token of what is known at this moment."""
        if len(self.tokens) == 40:
            self.tokens.pop(self.rng.randrange(40))
        self.tokens.append([self.db.value("SELECT entity_snapshot()"), self.run.truncated, self.model.copy(), self.run.erasures])

    def forget(self, ids):
        """An erasure reaches back under every token and system instant (S11, S16)."""
        for _, _, then, *_ in [*self.tokens, *self.questions.known]:
            for id_ in ids:
                then.events.pop(id_, None)

    def equal(self, found, expected, what):
        more, less = collections.Counter(found), collections.Counter(expected)
        self.report.equal(list((more - less).elements()), list((less - more).elements()), f"{what}, where they differ")

    # Intervals.

    def check_versions(self, until=None):
        tag = self.rng.choice(TAGS)
        form = self.rng.choice(["true", f"tags @> {array([tag])}", f"NOT tags && {array([tag])}", "valid_to_ns IS NULL"])
        rows = self.db.rows(
            "SELECT id, version, array_to_json(tags), convert_from(content, 'UTF8'), valid_from_ns, valid_to_ns "
            f"FROM version_face WHERE {form}"
        )
        found = [(i, int(n), tuple(json.loads(tags)), content, int(since), to and int(to)) for i, n, tags, content, since, to in rows]
        expected = [
            (id_, n, tuple(sorted(tags, key=str.encode)), content, since, to)
            for id_ in self.model.events
            for n, (tags, content, since, to) in enumerate(self.versions(id_, until), 1)
            if form == "true" or (to is None if "valid_to" in form else (tag in tags) == form.startswith("tags"))
        ]
        self.equal(above(self.model, found, 4), above(self.model, expected, 4), f"versions where {form}, until {until}")

    def versions(self, id_, until):
        """The versions of an entity that did not end below its floor."""
        floor = self.model.floor(id_)
        return [row for row in self.model.versions(id_, until) if row[3] is None or row[3] > floor]

    def check_intervals(self, until=None):
        tag, id_ = self.rng.choice(TAGS), self.rng.choice(list(self.model.events) or ["none"])
        form, holds = self.rng.choice(
            [
                ("true", lambda i, t: True),
                (f"tag = {literal(tag)}", lambda i, t: t == tag),
                ("tag LIKE 'status:%'", lambda i, t: t.startswith("status:")),
                (f"id = {literal(id_)}", lambda i, t: i == id_),
                (f"tag <> {literal(tag)} AND id > {literal(id_)}", lambda i, t: t != tag and i.encode() > id_.encode()),
            ]
        )
        rows = self.db.rows(f"SELECT id, tag, valid_from_ns, valid_to_ns FROM tag_face WHERE {form}")
        found = [(i, t, int(since), to and int(to)) for i, t, since, to in rows]
        expected = [(i, *row) for i in self.model.events for row in self.model.intervals(i, until) if holds(i, row[0])]
        self.equal(above(self.model, found, 2), above(self.model, expected, 2), f"intervals where {form}, until {until}")

    # The system axis.

    def token(self):
        """A token above the floor with what was known then, or None."""
        above = [known for known in self.tokens if known[1] == self.run.truncated]
        if not above:
            return None, None, 0
        token, _, then, erasures = self.rng.choice(above)
        # A cardinality reaches back under every token (S11).
        then.one = self.model.one
        return token, then, erasures

    def check_token(self):
        token, then, _ = self.token()
        if token is None:
            return
        t = self.questions.random_ns()
        self.questions.same(f"entity_as_of_snapshot({literal(token)}, {timestamp(t)})", then.states(t // 1000 * 1000 + 999))
        self.questions.same(f"entity_as_of_snapshot({literal(token)})", then.states(self.run.now()))

    def check_changes(self):
        token, then, erasures = self.token()
        if token is None:
            return
        rows = self.db.rows(
            f"SELECT id, ts_ns, op, tag, convert_from(content, 'UTF8') FROM entity_changes({literal(token)}) "
            f"WHERE {COUNTED} AND op <> 'erase'"
        )
        erased = self.db.value(f"SELECT count(*) FROM entity_changes({literal(token)}) WHERE op = 'erase' AND id IS NULL")
        self.report.equal(int(erased), self.run.erasures - erasures, f"erasures since {token}")
        found = [(i, int(ts), op, tag, content) for i, ts, op, tag, content in rows]
        self.report.check([r[1] for r in found] == sorted(r[1] for r in found), "changes are in order")
        new = {i: events[len(then.events.get(i, ())) :] for i, events in self.model.events.items()}
        expected = [(i, e.ts, e.op, e.tag, e.content) for i, events in new.items() for e in events]
        self.equal(found, [row for row in expected if row[2] not in ("create", "cancel")], f"changes since {token}")

    def check_tokens_below(self):
        below = [token for token, truncated, *_ in self.tokens if truncated != self.run.truncated]
        if not below:
            return
        token = literal(self.rng.choice(below))
        for source in (f"entity_as_of_snapshot({token}, 'infinity')", f"entity_changes({token})"):
            self.questions.below.refused(f"SELECT id FROM {source}")

    def check_restored(self):
        """A copy of all events with their system times answers as the original did, whatever path it takes."""
        known = [(system, then) for system, truncated, then in self.questions.known if truncated == self.run.truncated]
        self.db.query("SET entitydb.import_system_time = on")
        for name, threshold, maintain in (("loaded", 1, "compact"), ("written", 1000000, "seal")):
            self.db.query(f"SELECT entity_create('{name}'); SET entitydb.bulk_threshold = {threshold}")
            self.db.query(f"INSERT INTO {name}_event SELECT * FROM entity_event")
            for one in self.model.one:
                self.db.query(f"SELECT {name}_namespace({literal(one)}, 'one')")
            for maintenance in ("SELECT 1", f"SELECT entitydb.{maintain}('{name}')"):
                self.db.query(maintenance)
                self.questions.same(name, self.model.states(self.run.now()))
                for system, then in known:
                    then.one, t = self.model.one, self.questions.random_ns()
                    self.questions.same(f"{name}_as_of({timestamp(t)}, {literal(system)})", then.states(t // 1000 * 1000 + 999))
        self.db.query("RESET entitydb.import_system_time; RESET entitydb.bulk_threshold")

    # Bounds of the session.

    def check_bounds(self):
        t = self.questions.random_ns()
        end = t // 1000 * 1000 + 999
        self.db.query(f"SELECT set_config('entitydb.as_of', ({timestamp(t)})::text, false)")
        try:
            self.questions.same("entity", self.model.states(end))
            other = self.questions.random_ns()
            self.questions.same(f"entity_as_of_ns({other})", self.model.states(other))
            self.report.equal(int(self.db.value("SELECT count(*) FROM entity")), len(self.model.states(end)), f"count bound to {t}")
            self.check_versions(end)
            self.check_intervals(end)
            rows = self.db.rows(f"SELECT id, ts_ns, op, tag FROM entity_event WHERE {COUNTED}")
            expected = [
                (i, e.ts, e.op, e.tag) for i, events in self.model.events.items() for e in events
                if e.ts <= end and e.op not in ("create", "cancel")
            ]  # fmt: skip
            found = [(i, int(ts), op, tag) for i, ts, op, tag in rows]
            self.equal(self.questions.left(found), self.questions.left(expected), f"events bound to {t}")
            found = None
            try:
                self.db.query("SELECT entity_tag('id1', 'a')")
            except PgError as error:
                found = error.sqlstate
            self.report.equal(found, "25006", "SQLSTATE of a write under a bound")
        finally:
            self.db.query("RESET entitydb.as_of")

    # Tag columns.

    def check_columns(self):
        first = lambda s: (values(s.tags, "status") or [None])[0]
        kind = lambda s: values(s.tags, "type")
        value, other = self.rng.sample(["open", "shut", "old:x", "none"], 2)
        low, high = sorted([value, other])
        form, holds = self.rng.choice(
            [
                (f"status = {literal(value)}", lambda s: first(s) == value),
                (f"status <> {literal(value)}", lambda s: first(s) not in (None, value)),
                (f"NOT status = {literal(value)}", lambda s: first(s) not in (None, value)),
                (f"status IN ({literal(value)}, {literal(other)})", lambda s: first(s) in (value, other)),
                (f"status BETWEEN {literal(low)} AND {literal(high)}", lambda s: first(s) is not None and low <= first(s) <= high),
                (f"status > {literal(low)}", lambda s: first(s) is not None and first(s) > low),
                ("status LIKE 'o%'", lambda s: (first(s) or "").startswith("o")),
                ("status IS NULL", lambda s: first(s) is None),
                ("status IS NOT NULL", lambda s: first(s) is not None),
                (f"status = {literal(value)} OR status IS NULL", lambda s: first(s) in (None, value)),
                ("kind @> '{user}'", lambda s: "user" in kind(s)),
                ("NOT 'user' = ANY (kind)", lambda s: "user" not in kind(s)),
                ("kind && '{user,issue}'", lambda s: bool({"user", "issue"} & set(kind(s)))),
                ("kind = '{}'", lambda s: kind(s) == []),
                (f"status = {literal(value)} AND kind @> '{{issue}}'", lambda s: first(s) == value and "issue" in kind(s)),
            ]
        )
        t = self.questions.random_ns()
        where = f"column_face WHERE entitydb.at_ns(tableoid, {t}) AND ({form})"
        rows = self.db.rows(f"SELECT id, status, array_to_json(kind) FROM {where}")
        found = {i: (status, tuple(json.loads(kinds))) for i, status, kinds in rows}
        states = {i: s for i, s in self.model.states(t).items() if holds(s)}
        expected = {i: (first(s), tuple(kind(s))) for i, s in states.items()}
        wrong = sorted(i for i in found.keys() | expected.keys() if found.get(i) != expected.get(i))[:3]
        detail = [(i, found.get(i), expected.get(i)) for i in wrong]
        self.report.check(not wrong, f"{where}: {detail}")
        self.report.equal(int(self.db.value(f"SELECT count(*) FROM {where}")), len(expected), f"count of {where}")

    def check_all(self):
        self.check_columns()
        self.check_columns()
        self.check_token()
        self.check_tokens_below()
        self.rng.choice([self.check_versions, self.check_intervals, self.check_changes, self.check_bounds])()
