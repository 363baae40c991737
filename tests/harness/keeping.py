"""Retention and holds among the random statements, and what may not be asked below a floor (S15).

Which of an entity's events go is the database's choice: the model learns it by comparing the event face before and after, and
demands that only what is below the floor goes, and most of it. Invariant: the model keeps every event; at and above a floor each
answer must be as if nothing had gone.
"""

from model import START
from pgwire import PgError, array, literal
from writes import PAST, SECOND, TAGS, Writes, timestamp

HOUR = 3600 * SECOND
# A retention of no time at all: whatever is now.
NOW = 1 << 62
# No event of a user lies in the half day after the floor of a policy; while the test runs, the floor moves through it.
MIDDAY, DRIFT = 12 * HOUR, 11 * HOUR
# What may stay below a floor beside the tags that hold there.
KEPT_MAX = 16


class Keeping(Writes):
    """The statements, and those that retention adds."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        # Everything that is remembered of earlier moments: lists of [token or time, TRUNCATEs until then, model].
        self.remembered = []
        # Whether what there is until the next TRUNCATE is likely to get a policy, or to become long.
        self.keeps = True
        # How often an entity lost events.
        self.losses = 0

    def kinds(self):
        kinds = super().kinds() | {self.keep: 0.8 if self.keeps else 0.05, self.hold: 0.4}
        if self.model.highest_floor() > START:
            # A cardinality does not reach what is gone; and what may not be written any more is to come to an end.
            kinds |= {self.truncate: 1.2, self.release: 1, self.declare: 0}
        return kinds

    def selector(self):
        return tuple(sorted(self.rng.sample(TAGS, self.rng.choice([0, 1, 1, 2]))))

    def keep(self):
        """A policy, or the end of one."""
        rng = self.rng
        tags = rng.choice([self.selector(), *self.model.policies])
        kind, versions = rng.choice(["none", "day", "day", "now"]), rng.choice([None, None, 1, 2, 3])
        if kind == "now" and rng.random() < 0.5:
            kind = "day"
        day = rng.choice(PAST[:14]) // (24 * HOUR) * 24 * HOUR + MIDDAY
        interval = {"none": "NULL", "now": "'0'", "day": f"now() - {timestamp(day)}"}[kind]
        self.execute(f"SELECT entitydb.set_retention('entity', {interval}, {array(tags)}, {versions or 'NULL'})")
        self.model.policies.pop(tags, None)
        if kind != "none" or versions:
            self.model.policies[tags] = ({"none": None, "now": NOW, "day": day + DRIFT}[kind], versions)

    def hold(self):
        if len(self.model.holds) < 2:
            tags = self.selector() or ("a", "b")
            sql = f"SELECT entitydb.hold('entity', {array(tags)})"
            self.report.equal(self.execute(sql).rows, [("f" if tags in self.model.holds else "t",)], sql)
            self.model.holds.add(tags)

    def release(self):
        tags = self.rng.choice([*self.model.holds, ("a", "b")])
        sql = f"SELECT entitydb.release('entity', {array(tags)})"
        self.report.equal(self.execute(sql).rows, [("t" if tags in self.model.holds else "f",)], sql)
        self.model.holds.discard(tags)

    def truncate(self):
        super().truncate()
        self.keeps = self.rng.random() < 0.6
        if not self.model.events and self.rng.random() < 0.7:
            for tags in self.model.policies:
                self.execute(f"SELECT entitydb.set_retention('entity', NULL, {array(tags)})")
            self.model.policies.clear()

    def rows_of_events(self):
        """{id: {seq: (ts, op, tag, content)}} as the event face gives them."""
        found = {}
        for id_, seq, ts, *said in self.db.rows("SELECT id, seq, ts_ns, op, tag, md5(content) FROM entity_event"):
            found.setdefault(id_, {})[int(seq)] = (int(ts), *said)
        return found

    def maintain(self):
        """Seal or compact, and with it retention."""
        if self.in_transaction or not self.model.policies:
            return super().maintain()
        before = self.rows_of_events()
        super().maintain()
        now, after, model = self.now(), self.rows_of_events(), self.model
        due = {id_: model.due(id_, now) for id_ in before}
        is_sealed = "seal" in self.log[-1]
        self.report.equal(set(after), set(before), "entities after retention")
        for id_, rows in before.items():
            left, floor = after.get(id_, {}), due[id_]
            if left == rows:
                if floor is not None and is_sealed:
                    below = [event for event in left.values() if event[0] < floor]
                    state = model.state(id_, floor - 1)
                    most = KEPT_MAX + (len(state.tags) if state else 0)
                    self.report.check(len(below) <= most, f"{id_} keeps {len(below)} events below {floor}: {below!r:.1500}")
                continue
            if not self.report.check(floor is not None, f"{id_} lost events to no policy: {model.policies}, {model.holds}"):
                continue
            self.check_lost(id_, rows, left, floor)
            self.lose(id_, floor)
        of_all = [before for tags, (before, versions) in model.policies.items() if not tags and versions is None]
        for before in of_all:
            if before is not None:
                model.valid_floor = max(model.valid_floor or START, min(before, now))

    def check_lost(self, id_, rows, left, floor):
        """Only what is below the floor went or became something that says nothing; the largest seq stays."""
        self.report.equal(max(left, default=0), max(rows), f"largest seq of {id_}")
        for seq, row in rows.items():
            found = left.get(seq)
            stays = found == row or (row[0] < floor and (found is None or found[1:] in (("create", None, None), ("cancel", None, None))))
            self.report.check(stays, f"{id_}: {row} became {found} with the floor {floor}")

    def lose(self, id_, floor):
        """What was known before the last event below the floor was recorded cannot be asked any more."""
        model = self.model
        self.losses += 1
        model.floors[id_] = max(floor, model.floors.get(id_, START))
        needed = max((event.seq for event in model.events.get(id_, ()) if event.ts < floor), default=0)
        for moments in self.remembered:
            for moment in moments:
                if len(moment[2].events.get(id_, ())) < needed:
                    moment[1] = None


class Below:
    """Questions below the floors."""

    def __init__(self, questions):
        self.questions, self.run, self.db, self.rng, self.report = (
            questions, questions.run, questions.db, questions.rng, questions.report,
        )  # fmt: skip
        self.refusals = 0

    def refused(self, sql, expected="22023"):
        found = None
        try:
            self.db.rows(sql)
        except PgError as error:
            found = error.sqlstate
        self.report.equal(found, expected, f"SQLSTATE of {sql}")
        self.refusals += found is not None

    def check(self):
        model, rng = self.run.model, self.rng
        found = int(self.db.value("SELECT count(*) FROM entitydb.entity_floor"))
        self.report.equal(found, len(model.floors), "entities with a floor of their own")
        highest = model.highest_floor()
        below = sorted({e.ts for events in model.events.values() for e in events if e.ts < highest})
        if not below:
            return
        t = rng.choice(below) + rng.choice([0, -1, 1])
        us, end = t // 1000 * 1000, t // 1000 * 1000 + 999
        at, high = timestamp(us), timestamp(highest + 2000)
        tags, id_ = array(rng.sample(TAGS, rng.randrange(3))), rng.choice(list(model.events))
        if t < highest:
            self.refused(f"SELECT id FROM entity_as_of_ns({t}) WHERE {rng.choice(['true', f'tags @> {tags}', 'id > $$id1$$'])}")
            self.refused(f"SELECT count(*) FROM entity_as_of_ns({t})")
        if end < highest:
            of_all = [
                f"entity_facets('status', {tags}, {at})", f"entity_trend({tags}, {at}, {high}, '1 year')",
                f"entity_trend_by('type', {tags}, {at}, {high}, '1 year')", f"entity_diff_set({tags}, {at}, {high})",
                f"entity_diff_set({tags}, {high}, {at})", f"entity_timeline($$-infinity$$, {at})",
                f"entity_as_of_snapshot(entity_snapshot(), {at})", f"entity_as_of({at}) WHERE tags && '{{a,b}}'",
            ]  # fmt: skip
            self.refused(f"SELECT * FROM {rng.choice(of_all)}")
        floor = model.floor(id_)
        self.of_one(f"entity_as_of_ns({t}) WHERE id = {literal(id_)}", id_, t, floor)
        self.of_one(f"entity_as_of({at}) WHERE id = {literal(id_)}", id_, end, floor)
        if end < floor:
            of_one = [f"entity_history({literal(id_)}, $$-infinity$$, {at})", f"entity_diff({literal(id_)}, {at}, {high})", f"entity_related({literal(id_)}, 'type', {at})"]
            self.refused(f"SELECT * FROM {rng.choice(of_one)}")

    def of_one(self, source, id_, t, floor):
        if t < floor:
            self.refused(f"SELECT tags FROM {source}")
        else:
            state = self.run.model.state(id_, t)
            self.questions.same(source, {id_: state} if state else {})


def above(model, rows, from_at):
    """Rows of intervals without those that ended below their entity's floor; `from_at` is the place of the first instant, the last
    instant follows. Where one began below the floor is not compared."""
    kept = []
    for row in rows:
        floor = model.floor(row[0])
        since, to = row[from_at], row[from_at + 1]
        if to is None or to > floor:
            kept.append((*row[:from_at], max(since, floor), *row[from_at + 1 :]))
    return kept
