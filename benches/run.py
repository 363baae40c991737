#!/usr/bin/env python3
"""EntityDB beside plain PostgreSQL: the same data, the same questions, the same server, one run.

    run.py N STEPS OUTPUT.md DIRECTORY

Prints a table of ratios and writes it to OUTPUT.md. Times are medians taken inside the server, warm; COPY is timed by the
client up to the commit, the best of three rounds in which the peers take turns. Every pair of questions must have equal
answers, or the run fails.
"""

import os
import platform
import sys
import time

from pgwire import Connection

HERE = os.path.dirname(os.path.abspath(__file__))
INSTANT = "2026-03-15"
# At most `times` runs, and as many as three seconds hold, but three.
MEDIAN = """
CREATE FUNCTION median_ms(sql text, times int) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE taken float8[] := '{}'; began timestamptz := clock_timestamp(); started timestamptz;
BEGIN
    EXECUTE sql;
    FOR i IN 1 .. times LOOP
        started := clock_timestamp();
        EXECUTE sql;
        taken := taken || extract(epoch FROM clock_timestamp() - started)::float8 * 1000;
        EXIT WHEN i >= 3 AND clock_timestamp() - began > '3 s';
    END LOOP;
    RETURN (SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) FROM unnest(taken) t);
END $$"""


def in_order(value):
    """The value, its elements sorted if it is an array: the order of tags means nothing."""
    if isinstance(value, str) and value.startswith("{"):
        return ",".join(sorted(value[1:-1].split(",")))
    return value


class Bench:
    """A session on the bench's server, and the rows of the table so far."""

    def __init__(self, n, steps, directory):
        self.n, self.steps, self.directory = n, steps, directory
        self.db = Connection()
        self.db.query("SET jit = off; SET timezone = 'UTC'; SET max_parallel_workers_per_gather = 0")
        self.db.query(MEDIAN)
        self.table = []
        self.notes = []
        self.equal = True
        self.load = [os.getloadavg()[0]]

    def say(self, text):
        print(f"  {text}", flush=True)

    def timed(self, sql):
        started = time.monotonic()
        tag = self.db.query(sql).tag
        return time.monotonic() - started, tag

    def peers(self):
        with open(os.path.join(HERE, "peers.sql"), encoding="utf-8") as file:
            script = file.read()
        gap = "30 days" if self.steps == 4 else f"{120 / self.steps:.1f} days"
        for name, value in (("n", self.n), ("steps", self.steps), ("gap", gap), ("dir", self.directory)):
            script = script.replace(f":{name}", str(value))
        for statement in script.split("\n--;\n"):
            what = next(line for line in statement.splitlines() if line and not line.startswith("--"))
            seconds, _ = self.timed(statement)
            self.say(f"{seconds:8.1f} s  {what[:90]}")

    def row(self, question, peer, peer_value, own_value, unit, ratio=None):
        ratio = peer_value / own_value if ratio is None else ratio
        self.table.append((question, peer, f"{peer_value:,.3f} {unit}", f"{own_value:,.3f} {unit}", f"{ratio:,.1f}x" if ratio >= 10 else f"{ratio:.2f}x"))
        self.say(f"{question}: {peer} {peer_value:,.3f} {unit}, EntityDB {own_value:,.3f} {unit}: {ratio:,.1f}x")

    def best_copies(self, tables, times):
        """The best time of a COPY into each table, emptied before; the tables take turns."""
        best = {}
        for _ in range(times):
            for table in tables:
                self.db.query(f"TRUNCATE {table}")
                self.db.query("CHECKPOINT")
                seconds, tag = self.timed(f"COPY {table} (id, tags, content) FROM '{self.directory}/src.copy'")
                assert tag == f"COPY {self.n}", tag
                self.say(f"{seconds:8.2f} s  COPY {table}")
                best[table] = min(seconds, best.get(table, seconds))
        return best

    def note(self, text):
        self.notes.append(text)
        self.say(text)

    def ask(self, question, peer, peer_sql, own_sql, parallel=True):
        answers = [sorted(tuple(map(in_order, row)) for row in self.db.rows(sql)) for sql in (peer_sql, own_sql)]
        if answers[0] != answers[1]:
            self.equal = False
            self.say(f"ANSWERS DIFFER: {question}: {peer} {answers[0][:2]}, EntityDB {answers[1][:2]}")
        for name, workers in ((peer, 0), (f"{peer}, parallel", 2))[: 1 + parallel]:
            self.db.query(f"SET max_parallel_workers_per_gather = {workers}")
            peer_ms = float(self.db.value(f"SELECT median_ms($q${peer_sql}$q$, 9)"))
            own_ms = float(self.db.value(f"SELECT median_ms($q${own_sql}$q$, 99)"))
            self.row(question, name, peer_ms, own_ms, "ms")
        self.db.query("SET max_parallel_workers_per_gather = 0")

    def loads(self):
        best = self.best_copies(("heap", "entity", "gin"), 3)
        self.db.query("VACUUM ANALYZE gin")
        self.db.query("VACUUM ANALYZE heap")
        self.row(f"COPY of {self.n:,} entities", "gin", best["gin"], best["entity"], "s")
        self.row(f"COPY of {self.n:,} entities", "heap", best["heap"], best["entity"], "s")
        seconds, tag = self.timed(f"COPY history_event (id, ts, op, tag) FROM '{self.directory}/events.copy'")
        self.events = int(tag.split()[1])
        self.note(f"COPY of {self.events:,} events into the event face: {seconds:.1f} s, {self.events / seconds:,.0f} a second")
        for dataset in ("entity", "history"):
            seconds, _ = self.timed(f"SELECT entitydb.compact('{dataset}')")
            self.say(f"compact of {dataset}: {seconds:.1f} s")
        seconds, _ = self.timed("SELECT count(*) FROM entitydb.verify('history') WHERE NOT ok")
        self.note(f"entitydb.verify of {self.events:,} events: {seconds:.1f} s")

    def questions(self):
        for what, condition in (
            ("count of 2 tags", "tags @> '{type:t3,status:s1}'"),
            ("count of 2 tags, one rare", "tags @> '{owner:u77,status:s1}'"),
            ("count of either of 2 tags", "tags && '{region:r7,region:r8}'"),
        ):
            self.ask(what, "gin", f"SELECT count(*) FROM gin WHERE {condition}", f"SELECT count(*) FROM entity WHERE {condition}")
        rows = "SELECT id, tags, content FROM {} WHERE tags @> '{{owner:u77,status:s1}}' ORDER BY id"
        self.ask("rows of 2 tags, one rare", "gin", rows.format("gin"), rows.format("entity"))
        holds = f"{{0}}.vfrom <= '{INSTANT}' AND {{0}}.vto > '{INSTANT}'"
        self.ask(
            f"count of 2 tags as of {INSTANT}, {self.events:,} events",
            "facts",
            "SELECT count(*) FROM facts a JOIN facts b USING (id) WHERE a.tag = 'status:s1' AND b.tag = 'type:t3' AND "
            + holds.format("a") + " AND " + holds.format("b"),
            f"SELECT count(*) FROM history_as_of('{INSTANT}') WHERE tags @> '{{type:t3,status:s1}}'",
        )
        everything = "SELECT count(*), sum(length(content)) FROM {}"
        self.ask("length of all contents", "heap", everything.format("heap"), everything.format("entity"), parallel=False)
        id_ = f"e{self.n * 7 // 9:010d}"
        self.ask(
            "tags of one entity as of then",
            "facts",
            f"SELECT array_agg(tag ORDER BY tag COLLATE \"C\") FROM facts WHERE id = '{id_}' AND vfrom <= '{INSTANT}' AND vto > '{INSTANT}'",
            f"SELECT tags FROM history_as_of('{INSTANT}') WHERE id = '{id_}'",
        )

    def sizes(self):
        one = float(self.db.value("SELECT median_ms('SELECT 1', 999)"))
        self.note(f"`SELECT 1` measured in the same way: {one:.4f} ms")

        def bytes_of(sql):
            return float(self.db.value(sql)) / 1e6

        files = "SELECT coalesce(sum(bytes), 0) FROM entitydb.stat_segment WHERE dataset = '{}'"
        self.row("bytes on disk, entities", "gin", bytes_of("SELECT pg_total_relation_size('gin')"), bytes_of(files.format("entity")), "MB")
        self.row("bytes on disk, history", "facts", bytes_of("SELECT pg_total_relation_size('facts')"), bytes_of(files.format("history")), "MB")
        runs = bytes_of(files.format("history") + " AND kind IN ('run', 'tile')")
        self.note(f"{runs * 1e6 / self.events:.1f} bytes an event of the history, without ids")

    def write(self, path):
        version = self.db.value("SELECT split_part(version(), ' (', 1)")
        pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
        extension = self.db.value("SELECT extversion FROM pg_extension WHERE extname = 'entitydb'")
        self.load.append(os.getloadavg()[0])
        lines = [
            f"# {self.n:,} entities, {self.events:,} events",
            "",
            f"{version}, EntityDB {extension}, {os.cpu_count()} cores ({platform.machine()}), {pages:.0f} GB of memory, "
            f"{time.strftime('%Y-%m-%d')}, shared_buffers {self.db.value('SHOW shared_buffers')}, fsync on.",
            f"Load average {self.load[0]:.1f} before the run and {self.load[1]:.1f} at its end; the run itself is about 1.",
            "Medians inside the server, warm, after `entitydb.compact`. COPY is from a file of the server, up to the commit, into an",
            "empty table or dataset, the best of three rounds in which the peers take turns. `make bench N=... STEPS=...` makes this file.",
            "",
            "| question | peer | peer | EntityDB | ratio |",
            "| --- | --- | ---: | ---: | ---: |",
            *("| " + " | ".join(row) + " |" for row in self.table),
            "",
            *(f"* {note}" for note in self.notes),
        ]
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        print("\n" + "\n".join(lines))


def main():
    n, steps, output, directory = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    bench = Bench(n, steps, directory)
    bench.peers()
    bench.db.query("SELECT entity_create('history')")
    bench.loads()
    bench.questions()
    bench.sizes()
    bench.write(output)
    if not bench.equal:
        sys.exit("answers differ")


if __name__ == "__main__":
    main()
