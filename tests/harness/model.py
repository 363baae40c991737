"""A naive model of a dataset: lists of events, evaluated by rules S4 to S8 of the semantics, with no cleverness but
to remember what was worked out.

Times are ns since 1970. A stamped event's time is the database's choice: the caller learns it from the history and tells the
model. Invariant: nothing here is derived from the extension's code or from its answers, stamps excepted.
"""

import bisect
import collections

# Before every instant.
START = -(1 << 63)

Event = collections.namedtuple("Event", "ts seq op tag content")
State = collections.namedtuple("State", "tags content created_at updated_at")


class Conflict(Exception):
    """The write must fail with this SQLSTATE."""

    def __init__(self, sqlstate, *others):
        """`others` are errors that the statement could meet first instead."""
        self.sqlstate = sqlstate
        self.any = {sqlstate, *others}
        super().__init__(sqlstate)


class Dataset:
    """{id: (Event, ..)} in seq order."""

    def __init__(self):
        self.events = {}
        # Namespaces of cardinality one.
        self.one = set()
        # {id: (its events, the namespaces, instants, the State after each)}: what was worked out already. Events are
        # tuples, so that the same ones have the same states.
        self.known = {}
        # Retention (S15): {tags: (floor or None, versions or None)}, the tags of each hold, the floor of all entities, and {id: its
        # own}. The events below a floor stay here; what is asked at or above it must not show that they are gone there.
        self.policies, self.holds = {}, set()
        self.valid_floor, self.floors = None, {}
        # {id: how many events it had after each transaction}.
        self.commits = {}

    def copy(self):
        other = Dataset()
        other.one = set(self.one)
        other.events = dict(self.events)
        other.known = dict(self.known)
        other.policies, other.holds = dict(self.policies), set(self.holds)
        other.valid_floor, other.floors = self.valid_floor, dict(self.floors)
        other.commits = dict(self.commits)
        return other

    def floor(self, id_):
        """Below this, nothing may be asked or said of the entity."""
        return max((floor for floor in (self.valid_floor, self.floors.get(id_)) if floor is not None), default=START)

    def highest_floor(self):
        """Below this, nothing may be asked of all entities."""
        return max([START if self.valid_floor is None else self.valid_floor, *self.floors.values()])

    def check_floor(self, id_, ts):
        if ts < self.floor(id_):
            raise Conflict("22008")

    def carried(self, id_, tags):
        """Whether the entity carried all the tags at an instant of which nothing is gone."""
        floor = self.floors.get(id_, START)
        states = [self.state(id_, floor), *(self.state(id_, t) for t in self.instants(id_) if t > floor)]
        return not tags or any(state is not None and state.tags >= set(tags) for state in states)

    def commit(self):
        """A transaction ends."""
        for id_, events in self.events.items():
            if self.commits.get(id_, ())[-1:] != (len(events),):
                self.commits[id_] = (*self.commits.get(id_, ()), len(events))

    def is_held(self, id_):
        """Whether the entity carried all the tags of a hold, as was best known after some transaction."""
        events = self.events.get(id_, ())
        below = max((event.seq for event in events if event.ts < self.floors.get(id_, START)), default=0)
        for end in {len(events), *self.commits.get(id_, ())}:
            if end < below:
                continue
            then = self.copy()
            then.events = {id_: events[:end]}
            then.known = {}
            if any(then.carried(id_, tags) for tags in self.holds):
                return True
        return False

    def due(self, id_, now):
        """The floor that its policies give an entity by now, or None (S15)."""
        if self.is_held(id_):
            return None
        found = []
        for tags, (before, versions) in self.policies.items():
            if not self.carried(id_, tags):
                continue
            bounds = [] if before is None else [min(before, now)]
            if versions is not None:
                begins = [row[2] for row in self.versions(id_) if row[2] <= now]
                if len(begins) < versions:
                    continue
                bounds.append(begins[-versions])
            found.append(min(bounds))
        return max(found, default=None)

    def ends(self, by, tag):
        """Whether an assert of one tag ends the other (S4)."""
        return by != tag and any(by.startswith(one + ":") and tag.startswith(one + ":") for one in self.one)

    def check_values(self, tags):
        """Two values of a namespace of cardinality one in one row are an error (S4)."""
        if any(self.ends(a, b) for a in tags for b in tags):
            raise Conflict("22023")

    def declare(self, namespace, one):
        """Declares a cardinality; how many ids are read differently at some instant."""
        before = self.copy()
        (self.one.add if one else self.one.discard)(namespace)
        tags = lambda model, id_, t: getattr(model.state(id_, t), "tags", None)
        return sum(any(tags(before, id_, t) != tags(self, id_, t) for t in self.instants(id_)) for id_ in self.events)

    def history(self, id_):
        """Events by (ts, seq)."""
        return sorted(self.events.get(id_, []), key=lambda e: (e.ts, e.seq))

    def timeline(self, after, until):
        """(id, event) with after < ts <= until, in microseconds, oldest first."""
        found = [(id_, e) for id_, events in self.events.items() for e in events if after < e.ts // 1000 <= until]
        return sorted(found, key=lambda pair: (pair[1].ts, pair[0].encode(), pair[1].seq))

    def effective(self, id_):
        """The history without cancels and what they cancel (S5, S6)."""
        cancelled = {}
        for event in self.events.get(id_, []):
            if event.op == "cancel":
                cancelled[event.ts] = max(event.seq, cancelled.get(event.ts, 0))
        return [e for e in self.history(id_) if e.op != "cancel" and e.seq > cancelled.get(e.ts, 0)]

    def course(self, id_):
        """The instants of an entity's events, and the State from each on, None where it does not exist (S5)."""
        events = self.events.get(id_, ())
        known = self.known.get(id_)
        if known is not None and known[0] is events and known[1] == self.one:
            return known[2:]
        tags, content, exists = frozenset(), None, False
        created_at = updated_at = None
        instants, states = [], []
        for event in self.effective(id_):
            before = (exists, tags, content)
            if event.op in ("create", "assert", "content"):
                if not exists:
                    created_at = event.ts
                exists = True
            if event.op == "assert":
                tags = frozenset(tag for tag in tags if not self.ends(event.tag, tag)) | {event.tag}
            elif event.op == "retract":
                tags = tags - {event.tag}
            elif event.op == "content":
                content = event.content
            elif event.op == "delete":
                tags, content, exists = frozenset(), None, False
            if (exists, tags, content) != before:
                updated_at = event.ts
            if instants[-1:] != [event.ts]:
                instants.append(event.ts)
                states.append(None)
            states[-1] = State(tags, content, created_at, updated_at) if exists else None
        self.known[id_] = (events, set(self.one), instants, states)
        return instants, states

    def state(self, id_, t):
        """The State at t, or None where the entity does not exist."""
        instants, states = self.course(id_)
        n = bisect.bisect_right(instants, t)
        return states[n - 1] if n else None

    def versions(self, id_, until=None):
        """[(tags, content, from, to)], one row a state, `to` None where it goes on; what comes after `until` is not known of."""
        rows, before = [], None
        for t, state in zip(*self.course(id_)):
            if until is not None and t > until:
                break
            now = None if state is None else (state.tags, state.content)
            if now != before:
                if before is not None:
                    rows[-1] = (*rows[-1][:3], t)
                if now is not None:
                    rows.append((*now, t, None))
            before = now
        return rows

    def intervals(self, id_, until=None):
        """[(tag, from, to)], maximal; as `versions` of what comes after `until`."""
        rows, open_ = [], {}
        for t, state in zip(*self.course(id_)):
            if until is not None and t > until:
                break
            tags = frozenset() if state is None else state.tags
            rows += [(tag, open_.pop(tag), t) for tag in open_.keys() - tags]
            open_.update({tag: t for tag in tags - open_.keys()})
        return rows + [(tag, since, None) for tag, since in open_.items()]

    def states(self, t):
        found = ((id_, self.state(id_, t)) for id_ in self.events)
        return {id_: state for id_, state in found if state is not None}

    def facets(self, namespace, tags, t):
        """[(value, count)] as entity_facets gives them (S4, S17)."""
        counts = collections.Counter()
        for state in self.states(t).values():
            if state.tags >= set(tags):
                values = {tag[len(namespace) + 1 :] for tag in state.tags if tag.startswith(namespace + ":")}
                counts.update(values)
        return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0].encode()))

    def instants(self, id_):
        return self.course(id_)[0]

    def landing(self, id_, ns):
        """S9: a write at a timestamptz lands on the entity's last event of that microsecond."""
        return max((e.ts for e in self.events.get(id_, []) if e.ts // 1000 == ns // 1000), default=ns)

    def append(self, id_, ts, op, tag=None, content=None):
        self.check_floor(id_, ts)
        events = self.events.get(id_, ())
        self.events[id_] = (*events, Event(ts, len(events) + 1, op, tag, content))

    # What statements do. Each records the least events that reach the new state and says what it reports.

    def insert(self, id_, ts, tags, content):
        self.check_values(tags)
        later = [t for t in self.instants(id_) if t > ts]
        exists = any(self.state(id_, t) is not None for t in [ts, *later])
        if ts < self.floor(id_):
            raise Conflict("22008", *["23505"] * exists)
        if exists:
            raise Conflict("23505")
        self.append(id_, ts, "create")
        self.become(id_, ts, tags, content)

    def become(self, id_, ts, tags, content):
        """Records the difference between the state at ts and the wanted one; whether there was one."""
        old = self.state(id_, ts)
        old_tags, old_content = (old.tags, old.content) if old else (frozenset(), None)
        for tag in sorted(old_tags - tags):
            # What an assert ends by itself is not retracted.
            if not any(self.ends(by, tag) for by in tags - old_tags):
                self.append(id_, ts, "retract", tag)
        for tag in sorted(tags - old_tags):
            self.append(id_, ts, "assert", tag)
        if content != old_content:
            self.append(id_, ts, "content", None, content)
        return old_tags != tags or old_content != content

    def update(self, id_, now, at, tags, content):
        """S20: the row that a plain read shows now becomes this, at `at`; false if there is no row."""
        row = self.state(id_, now)
        if row is None:
            return False
        if at < row.updated_at:
            raise Conflict("22008")
        self.check_floor(id_, at)
        if tags != row.tags:
            self.check_values(tags)
        base = self.state(id_, at)
        if base is not None:
            kept = {tag for tag in base.tags if tag in tags or tag not in row.tags}
            self.become(id_, at, frozenset(kept | (tags - row.tags)), base.content if content == row.content else content)
        elif tags != row.tags or content != row.content:
            self.put(id_, at, None if tags == row.tags else tags, None if content == row.content else content)
        return True

    def put(self, id_, ts, tags, content):
        if ts < self.floor(id_):
            raise Conflict("22008", "22023")
        self.check_values(tags or ())
        state = self.state(id_, ts)
        if state is None:
            self.append(id_, ts, "create")
            self.become(id_, ts, tags if tags is not None else frozenset(), content)
            return "created"
        wanted = (state.tags if tags is None else tags, state.content if content is None else content)
        return "changed" if self.become(id_, ts, *wanted) else "unchanged"

    def tag(self, id_, ts, tag):
        state = self.must_exist(id_, ts)
        return self.become(id_, ts, state.tags | {tag}, state.content)

    def untag(self, id_, ts, tag):
        self.check_floor(id_, ts)
        state = self.state(id_, ts)
        return state is not None and self.become(id_, ts, state.tags - {tag}, state.content)

    def set(self, id_, ts, namespace, value):
        state = self.must_exist(id_, ts)
        kept = {tag for tag in state.tags if not tag.startswith(namespace + ":")}
        return self.become(id_, ts, frozenset(kept | {f"{namespace}:{value}"}), state.content)

    def clear_content(self, id_, ts):
        return self.become(id_, ts, self.must_exist(id_, ts).tags, None)

    def delete(self, id_, ts):
        """S6: ends everything at ts, and takes back what the entity has later."""
        self.check_floor(id_, ts)
        existed = self.state(id_, ts) is not None
        later = [t for t in self.instants(id_) if t > ts]
        exists_later = any(self.state(id_, t) is not None for t in later)
        if existed:
            self.append(id_, ts, "delete")
        for t in later if existed or exists_later else []:
            self.append(id_, t, "cancel")
        return existed or exists_later

    def must_exist(self, id_, ts):
        self.check_floor(id_, ts)
        state = self.state(id_, ts)
        if state is None:
            raise Conflict("P0002")
        return state

    def record(self, rows):
        """The event face: rows of (id, ts, op, tag, content) as one statement, repeats of stored events dropped (S7)."""
        stored = collections.Counter()
        for id_ in {row[0] for row in rows}:
            stored.update((id_, e.ts, e.op, e.tag, e.content) for e in self.events.get(id_, []))
        seen = collections.Counter()
        for row in rows:
            seen[row] += 1
            if seen[row] > stored[row]:
                self.append(*row)

    def load(self, id_, stamped, content):
        """entity_import: tags at instants of their own, and content at the last of them."""
        before = len(self.events.get(id_, []))
        rows = [(id_, ts, "assert", tag, None) for ts, tag in stamped]
        if content is not None:
            rows.append((id_, max(ts for ts, _ in stamped), "content", None, content))
        self.record(rows)
        if len(self.events.get(id_, [])) == before:
            return "unchanged"
        return "changed" if before else "created"

    def carriers(self, tags, t):
        """The ids that carry all the tags at t."""
        return {id_ for id_, state in self.states(t).items() if state.tags >= set(tags)}

    def diff(self, id_, t1, t2):
        """Rows (op, tag, old content, new content) as entity_diff gives them, in its order."""
        old, new = self.state(id_, t1), self.state(id_, t2)
        none = State(frozenset(), None, None, None)
        before, after = old or none, new or none
        rows = []
        if (old is None) != (new is None):
            rows.append(("create" if old is None else "delete", None, None, None))
        changed = sorted(before.tags ^ after.tags, key=str.encode)
        rows += [("assert" if tag in after.tags else "retract", tag, None, None) for tag in changed]
        if before.content != after.content:
            rows.append(("content", None, before.content, after.content))
        return rows
