"""Random statements on dataset `entity`, each done to the database and to the model, through every write path.

The session sees the faces `entity`, `entity_event`, `put_face` and `nothing_face` (the state face with that on_conflict).
Invariant: a statement that the model refuses must fail with the model's SQLSTATE, and one that it does must report what the
model reports; the only thing learned from the database is the stamp that a statement gave.
"""

import datetime

from model import Conflict, Dataset
from pgwire import PgError, array, literal

IDS = [f"id{i}" for i in range(24)]
LOADED = [f"load/{i}" for i in range(80)]
TAGS = ["a", "b", "type:user", "type:issue", "status:open", "status:shut", "status:old:x", "é", "with space", "a:b:c"]
CONTENTS = [None, "", "text", "x" * 3000, "ab" * 4500]
SECOND = 10**9


def day(year, number):
    start = datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc)
    return int((start + datetime.timedelta(days=number)).timestamp()) * SECOND


PAST = [day(1960, 5), *(day(2000 + i // 2, 100 * (i % 2)) for i in range(20)), day(2010, 0) + 1000, day(2010, 0) + 2000]
FUTURE = [day(2090, 0), day(2095, 0)]
# Every stamp lies between these, and nothing that a user dates does.
STAMPS = (day(2025, 0), day(2085, 0))


def timestamp(ns):
    """A timestamptz expression for the microsecond of ns."""
    return f"(timestamptz '1970-01-01 00:00:00+00' + {ns // 1000} * interval '1 microsecond')"


def blob(content):
    return "NULL::bytea" if content is None else f"convert_to({literal(content)}, 'UTF8')"


def copy_field(value):
    """A value in COPY's text format; lists become arrays."""
    if value is None:
        return r"\N"
    if isinstance(value, (list, frozenset)):
        value = "{" + ",".join('"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"' for tag in sorted(value)) + "}"
    return str(value).replace("\\", "\\\\")


class Writes:
    """A session, the model that it must agree with, and the statements that were run."""

    def __init__(self, report, db, rng):
        self.report, self.db, self.rng = report, db, rng
        self.model = Dataset()
        self.log = []
        self.in_transaction = False
        # Grows with every TRUNCATE; what was known before one cannot be asked any more (S19).
        self.truncated = 0
        self.tags_made = 0
        self.erasures = 0

    def execute(self, sql):
        self.log.append(sql)
        return self.db.query(sql)

    def copy(self, sql, rows):
        lines = "".join("\t".join(copy_field(value) for value in row) + "\n" for row in rows)
        self.log.append(sql + "\n" + lines)
        return self.db.copy_in(sql, lines.encode())

    def now(self):
        return int(self.db.value("SELECT entitydb.ns(clock_timestamp())"))

    def write(self, ids, sql, change, answer=lambda result: result.tag, run=None):
        """Runs one statement on these ids. `change(model, stamp)` is what it must do and answer; stamp(id) is the time of
        what the statement stamps."""
        before = self.now()
        conflict, found = None, None
        try:
            change(self.model.copy(), lambda _: before)
        except Conflict as expected:
            conflict = expected
        if conflict and self.in_transaction:
            self.execute("SAVEPOINT conflict")
        try:
            result = run() if run else self.execute(sql)
        except PgError as error:
            found = error.sqlstate
            if conflict is None or found not in conflict.any:
                raise
        if found is None or conflict is None:
            self.report.equal(found, conflict and conflict.sqlstate, f"SQLSTATE of {sql}")
        if conflict:
            if self.in_transaction:
                self.execute("ROLLBACK TO conflict; RELEASE conflict")
            return
        rows = self.db.rows(
            f"SELECT id, min(ts_ns), max(ts_ns) FROM entity_event WHERE id = ANY ({array(sorted(set(ids)))}) "
            f"AND ts_ns >= {before} AND ts_ns < {STAMPS[1]} GROUP BY id"
        )
        for id_, first, last in rows:
            self.report.equal(first, last, f"S3: one stamp for {id_} by {sql}")
        stamps = {id_: int(last) for id_, _, last in rows}
        expected = change(self.model, lambda id_: stamps.get(id_, before))
        self.report.equal(answer(result), expected, f"answer of {sql}")

    # Statements.

    def kinds(self):
        """The statements with their weights."""
        return {
            self.insert: 10, self.insert_many: 6, self.copy_states: 3, self.clone: 1, self.update: 12, self.update_many: 4,
            self.delete: 3, self.delete_many: 1, self.function: 30, self.function_many: 4, self.events: 12, self.loads: 3,
            self.transaction: 8, self.maintain: 5, self.truncate: 0.15, self.declare: 0.6, self.load_stamped: 3,
            self.update_columns: 5, self.insert_columns: 2, self.erase: 0.4,
        }  # fmt: skip

    def one(self):
        kinds = self.kinds()
        self.rng.choices(list(kinds), list(kinds.values()))[0]()
        if not self.in_transaction:
            self.model.commit()

    def maintain(self):
        if not self.in_transaction:
            self.execute(self.rng.choice(["SELECT entitydb.seal('entity')"] * 4 + ["SELECT entitydb.seal_all()", "SELECT entitydb.compact('entity')"]))

    def erase(self):
        """Entities go with all that was ever said of them; their ids may come back."""
        if self.in_transaction:
            return
        ids = self.rng.sample(IDS, 2)
        is_held = any(id_ in self.model.events and self.model.is_held(id_) for id_ in ids)
        if not self.succeeds(f"SELECT entitydb.erase('entity', {array(ids)}, 'a test')", "55006" if is_held else None):
            return
        self.erasures += 1
        for id_ in ids:
            for of_id in (self.model.events, self.model.floors, self.model.commits):
                of_id.pop(id_, None)
        self.on_erase(ids)

    def on_erase(self, ids):
        """Who remembers what was known forgets it."""

    def declare(self):
        """A cardinality, which holds for what is stored too."""
        namespace, one = self.rng.choice(["status", "type", "a"]), self.rng.random() < 0.6
        sql = f"SELECT entity_namespace({literal(namespace)}, {literal('one' if one else 'many')})"
        answer = self.execute(sql).rows[0][0]
        self.report.equal(int(answer), self.model.declare(namespace, one), f"answer of {sql}")

    def load_stamped(self):
        """entity_import."""
        id_, content = self.rng.choice(IDS), self.rng.choice(CONTENTS[:3])
        stamped = [(self.rng.choice(self.dates(id_)) + self.rng.choice([0, 7]), self.rng.choice(TAGS)) for _ in range(self.rng.randrange(1, 5))]
        if self.rng.random() < 0.05:
            stamped.append(self.unheard_of())
        sql = f"SELECT entity_import({literal(id_)}, {array([f'{ts}|{tag}' for ts, tag in stamped])}, {blob(content)})"
        self.write([id_], sql, lambda model, stamp: model.load(id_, stamped, content), lambda r: r.rows[0][0])

    def truncate(self):
        if not self.succeeds("TRUNCATE entity", "55006" if self.model.holds else None):
            return
        self.model.events.clear()
        self.model.valid_floor = None
        self.model.floors.clear()
        self.model.commits.clear()
        self.truncated += 1

    def succeeds(self, sql, expected=None):
        """Runs what must raise this SQLSTATE, or nothing; whether it is done."""
        found = None
        if expected and self.in_transaction:
            self.execute("SAVEPOINT refused")
        try:
            self.execute(sql)
        except PgError as error:
            found = error.sqlstate
            if found != expected:
                raise
        self.report.equal(found, expected, f"SQLSTATE of {sql}")
        if found and self.in_transaction:
            self.execute("ROLLBACK TO refused; RELEASE refused")
        return found is None

    def dates(self, id_):
        """What a user may date an event of the entity with, its floor regarded; mostly no more than that."""
        return [t for t in PAST + FUTURE if t >= self.model.floor(id_)]

    def unheard_of(self):
        """A tag that no event has, at any instant: below a floor it cannot be taken for a repeat."""
        self.tags_made += 1
        return self.rng.choice(PAST), f"unheard-of:{self.tags_made}"

    def threshold(self):
        """A bulk threshold that some statements pass."""
        self.execute(f"SET entitydb.bulk_threshold = {self.rng.choice([0, 3, 20, 1000000])}")

    def moment(self):
        """An instant, or None for a stamp."""
        return self.rng.choice([None, None, self.rng.choice(PAST), self.rng.choice(PAST + FUTURE)])

    def tags(self):
        return frozenset(self.rng.sample(TAGS, self.rng.randrange(4)))

    def pick(self):
        return self.rng.choice(IDS), self.moment(), self.tags(), self.rng.choice(CONTENTS)

    def insert(self):
        id_, at, tags, content = self.pick()
        face, nothing = self.rng.choice(["entity"] * 4 + ["put_face", "nothing_face"]), self.rng.random() < 0.3
        created = "NULL" if at is None else timestamp(at)
        returning = self.rng.random() < 0.3 and face == "entity"
        if (nothing or face == "nothing_face") and at is not None and at < self.model.floor(id_):
            # Whether it is skipped or an error depends on what is left there.
            at, created = None, "NULL"
        sql = (
            f"INSERT INTO {face} (id, tags, content, created_at) VALUES ({literal(id_)}, {array(sorted(tags))}, "
            f"{blob(content)}, {created}){' ON CONFLICT DO NOTHING' if nothing else ''}{' RETURNING tags' if returning else ''}"
        )

        def change(model, stamp):
            ts = stamp(id_) if at is None else model.landing(id_, at)
            if face == "put_face" and not nothing:
                model.put(id_, ts, tags, content)
                return "INSERT 0 1", []
            try:
                model.insert(id_, ts, tags, content)
            except Conflict as conflict:
                if (not nothing and face == "entity") or conflict.sqlstate != "23505":
                    raise
                return "INSERT 0 0", []
            return "INSERT 0 1", [("{" + ",".join(f'"{t}"' if " " in t else t for t in sorted(tags, key=str.encode)) + "}",)] * returning

        self.write([id_], sql, change, lambda r: (r.tag, r.rows))

    def rows(self, count):
        """Rows of a state face, most of ids that are not there."""
        rng = self.rng
        ids = [id_ for id_ in LOADED if id_ not in self.model.events] + [rng.choice(IDS) for _ in range(rng.choice([0, 0, 1]))]
        ids = rng.sample(ids, min(count, len(ids)))
        if rng.random() < 0.1 and ids:
            ids.append(ids[0])
        low = self.model.highest_floor()
        moments = [at if at is None or at >= low or rng.random() < 0.02 else None for at in (self.moment() for _ in ids)]
        return [(id_, self.coexisting(self.tags()), rng.choice(CONTENTS), at) for id_, at in zip(ids, moments)]

    def coexisting(self, tags):
        """Tags without those that others exclude: of many rows, a load does not look at the first that is wrong first."""
        return frozenset(tag for tag in tags if not any(self.model.ends(tag, other) and other < tag for other in tags))

    def load_rows(self, rows, nothing=False):
        """What inserting these rows as one statement does."""

        def change(model, stamp):
            done, found = 0, []
            for id_, tags, content, at in rows:
                try:
                    model.insert(id_, stamp(id_) if at is None else model.landing(id_, at), tags, content)
                    done += 1
                except Conflict as conflict:
                    if not nothing or conflict.sqlstate != "23505":
                        found += [conflict.sqlstate, *conflict.any]
            if found:
                # A load looks at its rows in another order.
                raise Conflict(*found)
            return done

        return change

    def insert_many(self):
        """VALUES goes row by row, SELECT past the threshold is a load."""
        rows, nothing = self.rows(self.rng.randrange(1, 12)), self.rng.random() < 0.3
        if nothing:
            # Whether a row below the floor is skipped or an error depends on what is left there.
            rows = [(*row, at if at is None or at >= self.model.highest_floor() else None) for *row, at in rows]
        values = ", ".join(
            f"({literal(id_)}, {array(sorted(tags))}, {blob(content)}, {'NULL::timestamptz' if at is None else timestamp(at)})"
            for id_, tags, content, at in rows
        )
        if not rows:
            return
        if self.rng.random() < 0.6:
            self.threshold()
            values = f"SELECT * FROM unnest(ARRAY[{len(rows)}]) n, LATERAL (VALUES {values}) v (id, tags, content, at)"
            values = values.replace("SELECT *", "SELECT v.id, v.tags, v.content, v.at")
        else:
            values = f"VALUES {values}"
        sql = f"INSERT INTO entity (id, tags, content, created_at) {values}{' ON CONFLICT DO NOTHING' if nothing else ''}"
        self.write([row[0] for row in rows], sql, self.load_rows(rows, nothing), lambda r: int(r.tag.split()[-1]))

    def copy_states(self):
        rows = self.rows(self.rng.randrange(1, 30))
        self.threshold()
        lines = [
            (id_, tags, None if content is None else r"\x" + content.encode().hex(), at and stamp_text(at)) for id_, tags, content, at in rows
        ]
        sql = "COPY entity (id, tags, content, created_at) FROM STDIN"
        done = lambda r: int(r.tag.split()[-1])
        self.write([row[0] for row in rows], sql, self.load_rows(rows), done, lambda: self.copy(sql, lines))

    def clone(self):
        """A statement that reads what it writes."""
        tag = self.rng.choice(TAGS)
        self.threshold()
        sql = (
            "INSERT INTO entity (id, tags, content) SELECT id || '+', tags, content FROM entity "
            f"WHERE tags @> {array([tag])} AND id ~ '^id[0-9]+$'"
        )

        def change(model, stamp):
            now = self.before
            rows = {i: s for i, s in model.states(now).items() if tag in s.tags and i in IDS}
            for id_, state in rows.items():
                model.insert(id_ + "+", stamp(id_ + "+"), state.tags, state.content)
            return f"INSERT 0 {len(rows)}"

        self.before = self.now()
        self.write([id_ + "+" for id_ in IDS], sql, change)

    def change_of_row(self):
        """SET clauses, and what they make of a row's tags and content."""
        tags, content, tag = self.tags(), self.rng.choice(CONTENTS), self.rng.choice(TAGS)
        return self.rng.choice(
            [
                (f"tags = {array(sorted(tags))}", lambda s: (tags, s.content)),
                (f"content = {blob(content)}", lambda s: (s.tags, content)),
                (f"tags = {array(sorted(tags))}, content = {blob(content)}", lambda s: (tags, content)),
                (f"tags = tags || {array([tag])}", lambda s: (s.tags | {tag}, s.content)),
                (f"tags = array_remove(tags, {literal(tag)})", lambda s: (s.tags - {tag}, s.content)),
                ("tags = tags, content = content", lambda s: (s.tags, s.content)),
            ]
        )

    def update(self):
        id_ = self.rng.choice(IDS)
        sets, new = self.change_of_row()
        at = self.moment() if self.rng.random() < 0.2 else None
        if at is not None:
            sets += f", updated_at = {timestamp(at)}"

        def change(model, stamp):
            now = stamp(id_)
            row = model.state(id_, now)
            if row is None:
                return "UPDATE 0"
            # The time that is shown already is no change of it.
            given = at is not None and at // 1000 != row.updated_at // 1000
            model.update(id_, now, model.landing(id_, at) if given else now, *new(row))
            return "UPDATE 1"

        self.write([id_], f"UPDATE entity SET {sets} WHERE id = {literal(id_)}", change)

    def update_columns(self):
        """Through the face with tag columns: `status` shows the first of several values, `kind` all of the namespace `type`."""
        id_, value = self.rng.choice(IDS), self.rng.choice([None, "open", "shut", "new", "old:x"])
        kinds = self.rng.choice([None, [], ["user"], ["issue", "user", "user"]])
        sets = [f"status = {literal(value)}"] * (self.rng.random() < 0.7) or [f"kind = {'NULL' if kinds is None else array(kinds)}"]

        def new(row):
            namespace, wanted = ("status", [] if value is None else [value]) if "status" in sets[0] else ("type", kinds or [])
            had = sorted((t[len(namespace) + 1 :] for t in row.tags if t.startswith(namespace + ":")), key=str.encode)
            if (had[:1] if namespace == "status" else had) == sorted(set(wanted), key=str.encode):
                return row.tags, row.content
            kept = {t for t in row.tags if not t.startswith(namespace + ":")}
            return frozenset(kept | {f"{namespace}:{v}" for v in wanted}), row.content

        def change(model, stamp):
            row = model.state(id_, stamp(id_))
            if row is None:
                return "UPDATE 0"
            model.update(id_, stamp(id_), stamp(id_), *new(row))
            return "UPDATE 1"

        self.write([id_], f"UPDATE column_face SET {', '.join(sets)} WHERE id = {literal(id_)}", change)

    def insert_columns(self):
        """One row, or a load of some, through the face with tag columns."""
        rows = [(id_, self.rng.choice([None, "open", "old:x"]), self.rng.choice([[], ["user"]])) for id_, *_ in self.rows(3)]
        if not rows:
            return
        self.threshold()
        lists = ", ".join(f"({literal(i)}, {literal(s)}::text, {array(k)})" for i, s, k in rows)
        sql = f"INSERT INTO column_face (id, status, kind) SELECT v.* FROM (VALUES {lists}) v"

        def change(model, stamp):
            for id_, status, kinds in rows:
                tags = {f"type:{k}" for k in kinds} | ({f"status:{status}"} if status else set())
                model.insert(id_, stamp(id_), frozenset(tags), None)
            return len(rows)

        self.write([row[0] for row in rows], sql, change, lambda r: int(r.tag.split()[-1]))

    def update_many(self):
        tag = self.rng.choice(TAGS)
        sets, new = self.change_of_row()
        self.before = self.now()

        def change(model, stamp):
            rows = {i: s for i, s in model.states(self.before).items() if tag in s.tags}
            for id_, row in rows.items():
                model.update(id_, self.before, stamp(id_), *new(row))
            return f"UPDATE {len(rows)}"

        sql = f"UPDATE entity SET {sets} WHERE {literal(tag)} = ANY (tags)"
        self.write(list(self.model.events), sql, change)

    def delete(self):
        id_ = self.rng.choice(IDS)

        def change(model, stamp):
            if model.state(id_, stamp(id_)) is None:
                return "DELETE 0"
            model.delete(id_, stamp(id_))
            return "DELETE 1"

        self.write([id_], f"DELETE FROM entity WHERE id = {literal(id_)}", change)

    def delete_many(self):
        pair = self.rng.sample(TAGS, 2)
        self.before = self.now()

        def change(model, stamp):
            ids = [i for i, s in model.states(self.before).items() if s.tags >= set(pair)]
            for id_ in ids:
                model.delete(id_, stamp(id_))
            return f"DELETE {len(ids)}"

        self.write(list(self.model.events), f"DELETE FROM entity WHERE tags @> {array(pair)}", change)

    def call(self):
        """A function's name, its arguments after the id, and what it does."""
        rng = self.rng
        _, _, tags, content = self.pick()
        tag, namespace, value = rng.choice(TAGS), rng.choice(["status", "type", "a"]), rng.choice(["open", "user", "old:x"])
        put_tags = rng.choice([tags, tags, None])
        put = f"{'NULL' if put_tags is None else array(sorted(put_tags))}, {blob(content)}"
        return rng.choice(
            [
                ("tag", [literal(tag)], lambda m, id_, ts: m.tag(id_, ts, tag)),
                ("untag", [literal(tag)], lambda m, id_, ts: m.untag(id_, ts, tag)),
                ("set", [literal(namespace), literal(value)], lambda m, id_, ts: m.set(id_, ts, namespace, value)),
                ("delete", [], lambda m, id_, ts: m.delete(id_, ts)),
                ("clear_content", [], lambda m, id_, ts: m.clear_content(id_, ts)),
                ("put", [put], lambda m, id_, ts: m.put(id_, ts, put_tags, content)),
            ]
        )

    def function(self):
        id_, at = self.rng.choice(IDS), self.moment()
        name, arguments, do = self.call()
        when = [] if at is None else [f"at => {timestamp(at)}"]
        sql = f"SELECT entity_{name}({', '.join([literal(id_), *arguments, *when])})"

        def change(model, stamp):
            return [do(model, id_, stamp(id_) if at is None else model.landing(id_, at))]

        self.write([id_], sql, change, lambda r: [_answer(row[0]) for row in r.rows])

    def function_many(self):
        """One statement with many calls, each of an entity of its own."""
        ids = self.rng.sample(IDS, self.rng.randrange(1, 8))
        name, arguments, do = self.call()
        sql = f"SELECT entity_{name}({', '.join(['id', *arguments])}) FROM unnest({array(ids)}) WITH ORDINALITY u (id, n) ORDER BY n"
        self.write(
            ids, sql, lambda model, stamp: [do(model, i, stamp(i)) for i in ids], lambda r: [_answer(row[0]) for row in r.rows]
        )

    def facts(self, count):
        """Rows (id, ts, op, tag, content) for the event face; ts None is stamped, ("us", ns) given as a timestamptz."""
        rng, rows = self.rng, []
        for _ in range(count):
            op = rng.choice(["create", "assert", "assert", "assert", "retract", "content", "delete", "cancel"])
            id_ = rng.choice(IDS + LOADED[:10])
            ts = rng.choice(self.dates(id_))
            ts = rng.choice([ts, ts, ts + 7, ("us", ts), None])
            tag = rng.choice(TAGS) if op in ("assert", "retract") else None
            rows.append((id_, ts, op, tag, rng.choice([None, "", "c1", "c2"]) if op == "content" else None))
            if rng.random() < 0.1:
                rows.append(rng.choice(rows))
        if rng.random() < 0.05:
            ts, tag = self.unheard_of()
            rows.append((rng.choice(IDS), ts, "assert", tag, None))
        return rows

    def record(self, rows):
        """What recording these facts as one statement does."""

        def change(model, stamp):
            resolved = []
            # Where a timestamptz lands depends on the rows before it.
            landing = {}
            for id_, ts, op, tag, content in rows:
                if ts is None:
                    ts = stamp(id_)
                elif isinstance(ts, tuple):
                    ts = max(model.landing(id_, ts[1]), landing.get((id_, ts[1] // 1000), ts[1]))
                landing[id_, ts // 1000] = max(ts, landing.get((id_, ts // 1000), ts))
                resolved.append((id_, ts, op, tag, content))
            before = sum(len(e) for e in model.events.values())
            model.record(resolved)
            return sum(len(e) for e in model.events.values()) - before

        return change

    def events(self):
        rows = self.facts(self.rng.randrange(1, 7))
        values = ", ".join(
            f"({literal(id_)}, {timestamp(ts[1]) if isinstance(ts, tuple) else 'NULL::timestamptz'}, "
            f"{'NULL' if ts is None or isinstance(ts, tuple) else ts}::bigint, {'NULL' if op in ('assert', 'content') else literal(op)}, "
            f"{literal(tag)}, {blob(content)})"
            for id_, ts, op, tag, content in rows
        )
        sql = f"INSERT INTO entity_event (id, ts, ts_ns, op, tag, content) VALUES {values}"
        self.write([row[0] for row in rows], sql, self.record(rows), lambda r: int(r.tag.split()[-1]))

    def loads(self):
        rows = self.facts(self.rng.randrange(1, 150))
        self.threshold()
        lines = [
            (
                id_, stamp_text(ts[1]) if isinstance(ts, tuple) else None, None if isinstance(ts, tuple) else ts, op, tag,
                None if content is None else r"\x" + content.encode().hex(),
            )
            for id_, ts, op, tag, content in rows
        ]  # fmt: skip
        sql = "COPY entity_event (id, ts, ts_ns, op, tag, content) FROM STDIN"
        # A load reports the rows that it was given, the path row by row those that were new.
        def change(model, stamp):
            return {self.record(rows)(model, stamp), len(rows)}

        self.write(
            [row[0] for row in rows], sql, lambda m, s: len(change(m, s)) > 0, lambda r: r.tag.startswith("COPY "),
            lambda: self.copy(sql, lines),
        )  # fmt: skip

    def transaction(self):
        if self.in_transaction:
            return
        saved, truncated = self.model.copy(), self.truncated
        self.in_transaction = True
        self.execute(self.rng.choice(["BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN ISOLATION LEVEL SERIALIZABLE"]))
        for number in range(self.rng.randrange(1, 7)):
            inner, before = self.model.copy(), self.truncated
            if self.rng.random() < 0.4:
                self.execute(f"SAVEPOINT s{number}")
                self.one()
                if self.rng.random() < 0.5:
                    self.execute(f"ROLLBACK TO s{number}")
                    self.model, self.truncated = inner, before
            else:
                self.one()
            if self.rng.random() < 0.2:
                self.between()
        if self.rng.random() < 0.7:
            self.execute("COMMIT")
        else:
            self.execute("ROLLBACK")
            self.model, self.truncated = saved, truncated
        self.in_transaction = False

    def between(self):
        """What is asked inside a transaction."""


def stamp_text(ns):
    """The microsecond of ns as COPY's text format wants it."""
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(microseconds=ns // 1000)
    return moment.isoformat()


def _answer(value):
    return {"t": True, "f": False}.get(value, value)
