"""A naive model of a dataset: lists of events, evaluated by rules S4 to S8 of the semantics, with no cleverness at all.

Times are ns since 1970. A stamped event's time is the database's choice: the caller learns it from the history and tells the
model. Invariant: nothing here is derived from the extension's code or from its answers, stamps excepted.
"""

import collections

Event = collections.namedtuple("Event", "ts seq op tag content")


class Conflict(Exception):
    """The write must fail with this SQLSTATE."""

    def __init__(self, sqlstate):
        self.sqlstate = sqlstate
        super().__init__(sqlstate)


class Dataset:
    """{id: [Event]} in seq order. States are (frozenset of tags, content)."""

    def __init__(self):
        self.events = {}

    def copy(self):
        other = Dataset()
        other.events = {id_: list(events) for id_, events in self.events.items()}
        return other

    def history(self, id_):
        """Events by (ts, seq)."""
        return sorted(self.events.get(id_, []), key=lambda e: (e.ts, e.seq))

    def effective(self, id_):
        """The history without cancels and what they cancel (S5, S6)."""
        cancelled = {}
        for event in self.events.get(id_, []):
            if event.op == "cancel":
                cancelled[event.ts] = max(event.seq, cancelled.get(event.ts, 0))
        return [e for e in self.history(id_) if e.op != "cancel" and e.seq > cancelled.get(e.ts, 0)]

    def state(self, id_, t):
        """(tags, content) at t, or None where the entity does not exist (S5)."""
        tags, content, exists = set(), None, False
        for event in self.effective(id_):
            if event.ts > t:
                break
            if event.op in ("create", "assert", "content"):
                exists = True
            if event.op == "assert":
                tags.add(event.tag)
            elif event.op == "retract":
                tags.discard(event.tag)
            elif event.op == "content":
                content = event.content
            elif event.op == "delete":
                tags, content, exists = set(), None, False
        return (frozenset(tags), content) if exists else None

    def states(self, t):
        found = ((id_, self.state(id_, t)) for id_ in self.events)
        return {id_: state for id_, state in found if state is not None}

    def instants(self, id_):
        return sorted({event.ts for event in self.effective(id_)})

    def append(self, id_, ts, op, tag=None, content=None):
        events = self.events.setdefault(id_, [])
        events.append(Event(ts, len(events) + 1, op, tag, content))

    # What statements do. Each records the least events that reach the new state and says what it reports.

    def insert(self, id_, ts, tags, content):
        later = [t for t in self.instants(id_) if t > ts]
        if any(self.state(id_, t) is not None for t in [ts, *later]):
            raise Conflict("23505")
        self.append(id_, ts, "create")
        self.become(id_, ts, tags, content)

    def become(self, id_, ts, tags, content):
        """Records the difference between the state at ts and the wanted one; whether there was one."""
        old_tags, old_content = self.state(id_, ts) or (frozenset(), None)
        for tag in sorted(old_tags - tags):
            self.append(id_, ts, "retract", tag)
        for tag in sorted(tags - old_tags):
            self.append(id_, ts, "assert", tag)
        if content != old_content:
            self.append(id_, ts, "content", None, content)
        return old_tags != tags or old_content != content

    def put(self, id_, ts, tags, content):
        state = self.state(id_, ts)
        if state is None:
            self.append(id_, ts, "create")
            self.become(id_, ts, tags if tags is not None else frozenset(), content)
            return "created"
        wanted = (state[0] if tags is None else tags, state[1] if content is None else content)
        return "changed" if self.become(id_, ts, *wanted) else "unchanged"

    def tag(self, id_, ts, tag):
        tags, content = self.must_exist(id_, ts)
        return self.become(id_, ts, tags | {tag}, content)

    def untag(self, id_, ts, tag):
        state = self.state(id_, ts)
        return state is not None and self.become(id_, ts, state[0] - {tag}, state[1])

    def set(self, id_, ts, namespace, value):
        tags, content = self.must_exist(id_, ts)
        kept = {tag for tag in tags if not tag.startswith(namespace + ":")}
        return self.become(id_, ts, frozenset(kept | {f"{namespace}:{value}"}), content)

    def delete(self, id_, ts):
        """S6: ends everything at ts, and takes back what the entity has later."""
        existed = self.state(id_, ts) is not None
        later = [t for t in self.instants(id_) if t > ts]
        exists_later = any(self.state(id_, t) is not None for t in later)
        if existed:
            self.append(id_, ts, "delete")
        for t in later if existed or exists_later else []:
            self.append(id_, t, "cancel")
        return existed or exists_later

    def must_exist(self, id_, ts):
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

    def diff(self, id_, t1, t2):
        """Rows (op, tag, old content, new content) as entity_diff gives them, tags sorted."""
        old, new = self.state(id_, t1), self.state(id_, t2)
        (old_tags, old_content), (new_tags, new_content) = old or (frozenset(), None), new or (frozenset(), None)
        rows = []
        if (old is None) != (new is None):
            rows.append(("create" if old is None else "delete", None, None, None))
        rows += [("assert" if tag in new_tags else "retract", tag, None, None) for tag in sorted(old_tags ^ new_tags)]
        if old_content != new_content:
            rows.append(("content", None, old_content, new_content))
        return rows
