"""Questions about versions, intervals of tags, orders, and what a session's bounds leave of them, answered by database and model.

Invariant: what a question expects follows from the model's states at the instants of an entity's events.
"""

import json

from keeping import above
from pgwire import array, literal
from writes import IDS, LOADED, PAST, TAGS, FUTURE, timestamp

FACES = {
    "version_face": "(id text, tags text[], content bytea, valid_from timestamptz, valid_from_ns bigint, valid_to timestamptz, "
    "valid_to_ns bigint, version bigint) SERVER entitydb OPTIONS (dataset 'entity', shape 'version')",
    "tag_face": "(id text, tag text, valid_from timestamptz, valid_from_ns bigint, valid_to timestamptz, valid_to_ns bigint) "
    "SERVER entitydb OPTIONS (dataset 'entity', shape 'tag')",
}


def prepare(db):
    for name, definition in FACES.items():
        db.query(f"CREATE FOREIGN TABLE IF NOT EXISTS {name} {definition}")


class Spans:
    def __init__(self, questions):
        self.questions, self.db, self.rng, self.report = questions, questions.db, questions.rng, questions.report

    def condition(self, has_tag):
        """A condition as SQL, and a predicate on (id, tags or tag, from, to); NULL is not true."""
        rng = self.rng
        id_, tag, tags = rng.choice(IDS + LOADED), rng.choice(TAGS), rng.sample(TAGS, 2)
        # Where something began below a floor may not be known any more.
        at = rng.choice([t for t in PAST + FUTURE if t >= self.questions.model.highest_floor()])
        us = at // 1000
        both = [
            ("true", lambda i, w, a, b: True),
            (f"id = {literal(id_)}", lambda i, w, a, b: i == id_),
            (f"id >= {literal(id_)}", lambda i, w, a, b: i >= id_),
            (f"valid_from > {timestamp(at)}", lambda i, w, a, b: a // 1000 > us),
            (f"NOT valid_to > {timestamp(at)}", lambda i, w, a, b: b is not None and b // 1000 <= us),
            (f"valid_to_ns <> {at}", lambda i, w, a, b: b is not None and b != at),
            ("valid_to IS NULL", lambda i, w, a, b: b is None),
        ]
        if has_tag:
            own = [
                (f"tag = {literal(tag)}", lambda i, w, a, b: w == tag),
                (f"tag <> {literal(tag)}", lambda i, w, a, b: w != tag),
                (f"tag = ANY ({array(tags)})", lambda i, w, a, b: w in tags),
                ("tag ^@ 'status:'", lambda i, w, a, b: w.startswith("status:")),
                ("tag NOT LIKE 'status:o%'", lambda i, w, a, b: not w.startswith("status:o")),
            ]
        else:
            own = [
                (f"tags @> {array(tags)}", lambda i, w, a, b: w >= set(tags)),
                (f"NOT tags && {array(tags)}", lambda i, w, a, b: not w & set(tags)),
                (f"{literal(tag)} = ANY (tags)", lambda i, w, a, b: tag in w),
                ("entity_has_tag(tags, 'status:*')", lambda i, w, a, b: any(t.startswith("status:") for t in w)),
            ]
        (x, p), (y, q) = rng.choice(both), rng.choice(own + both[:1])
        if rng.random() < 0.3:
            return f"({x} OR {y})", lambda *row: p(*row) or q(*row)
        return f"{x} AND {y}", lambda *row: p(*row) and q(*row)

    def bounds(self):
        """Sets the session's bounds, or not: what they are, the model that is known there, and the last instant."""
        questions, rng = self.questions, self.rng
        t, model, words = questions.random_ns() if rng.random() < 0.5 else None, questions.model, []
        known = [k for k in questions.known if k[1] == questions.run.truncated]
        if known and rng.random() < 0.3:
            system, _, then = rng.choice(known)
            # What is declared is a rule of reading, whatever was known (S11).
            model = then.copy()
            model.one = set(questions.model.one)
            words.append(f"as_of_system {system}")
            self.db.query(f"SET entitydb.as_of_system = {literal(system)}")
        if t is not None:
            words.append(f"as_of {t}")
            self.db.value(f"SELECT set_config('entitydb.as_of', entitydb.ns_text({t}), false)")
        return " ".join(words) or "unbound", model, t

    def check(self):
        words, model, t = self.bounds()
        try:
            sql, holds = self.condition(False)
            rows = self.db.rows(
                "SELECT id, array_to_json(tags), convert_from(content, 'UTF8'), valid_from_ns, valid_to_ns, version "
                f"FROM version_face WHERE {sql}"
            )
            found = [(i, sorted(json.loads(w)), c, int(a), b and int(b), int(n)) for i, w, c, a, b, n in rows]
            floored = self.questions.model
            rows = {i: [row for row in model.versions(i, t) if row[3] is None or row[3] > floored.floor(i)] for i in model.events}
            all_ = [(i, *row, n) for i, of_one in rows.items() for n, row in enumerate(of_one, 1)]
            expected = [(i, sorted(w), c, a, b, n) for i, w, c, a, b, n in all_ if holds(i, w, a, b)]
            self.same(above(floored, found, 3), above(floored, expected, 3), f"versions where {sql}, {words}")
            sql, holds = self.condition(True)
            rows = self.db.rows(f"SELECT id, tag, valid_from_ns, valid_to_ns FROM tag_face WHERE {sql}")
            found = [(i, w, int(a), b and int(b)) for i, w, a, b in rows]
            all_ = [(i, *row) for i in model.events for row in model.intervals(i, t)]
            expected = [row for row in all_ if holds(*row)]
            self.same(above(floored, found, 2), above(floored, expected, 2), f"intervals where {sql}, {words}")
            if t is not None:
                self.questions.same("entity", model.states(t))
                found = int(self.db.value("SELECT count(*) FROM entity"))
                self.report.equal(found, len(model.states(t)), f"count, {words}")
                rows = [r for r in self.db.rows("SELECT ts_ns FROM entity_event") if int(r[0]) > t]
                self.report.equal(rows, [], f"events after the bound, {words}")
        finally:
            self.db.query("SET entitydb.as_of = ''")
            self.db.query("SET entitydb.as_of_system = ''")
        self.check_orders()

    def same(self, found, expected, what):
        key = lambda row: [(value is None, value) for value in row]
        found, expected = sorted(found, key=key), sorted(expected, key=key)
        wrong = [pair for pair in zip(found + [None], expected + [None]) if pair[0] != pair[1]][:1]
        self.report.check(found == expected, f"{what}: found {len(found)}, expected {len(expected)}, first {wrong}")

    def check_orders(self):
        rng = self.rng
        source, states = self.questions.instant()
        sql, holds = self.questions.tree(2)
        limit, down = rng.choice([1, 3, 1000]), rng.random() < 0.5
        ids = sorted((i for i, s in states.items() if holds(i, s)), key=str.encode, reverse=down)
        where = f"FROM {source} WHERE {sql} ORDER BY id COLLATE \"C\" {'DESC' if down else ''} LIMIT {limit}"
        self.report.equal([r[0] for r in self.db.rows(f"SELECT id {where}")], ids[:limit], f"ids {where}")
        sign = -1 if down else 1
        ids = sorted((i for i, s in states.items() if holds(i, s)), key=lambda i: (sign * (states[i].updated_at // 1000), i.encode()))
        where = f"FROM {source} WHERE {sql} ORDER BY updated_at {'DESC' if down else ''}, id COLLATE \"C\" LIMIT {limit}"
        self.report.equal([r[0] for r in self.db.rows(f"SELECT id {where}")], ids[:limit], f"ids {where}")
        rows = [(int(t), i.encode(), int(n)) for t, i, n in self.db.rows("SELECT ts_ns, id, seq FROM entity_event")]
        found = self.db.rows(f"SELECT ts_ns, id, seq FROM entity_event ORDER BY ts_ns, id COLLATE \"C\", seq LIMIT {limit}")
        found = [(int(t), i.encode(), int(n)) for t, i, n in found]
        self.report.equal(found, sorted(rows)[:limit], f"events in order, limit {limit}")
