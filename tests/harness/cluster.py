"""Clusters of a test's own: made under a temporary directory, killed and started again at will.

Needs PGBIN (the programs of PostgreSQL) in the environment, as `make test` sets it. As root the server runs as `postgres`.
Invariant: only processes whose working directory is this cluster's data directory are ever signalled.
"""

import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from pgwire import Connection, ConnectionLost


class Cluster:
    """One server, reached through a unix socket in its own directory. Use as a context manager."""

    def __init__(self, settings=(), preload=True, keep_on_failure=True):
        self.keep_on_failure = keep_on_failure
        self.bin = os.environ["PGBIN"]
        self.base = tempfile.mkdtemp(prefix="entitydb-", dir="/tmp")
        self.data = os.path.join(self.base, "data")
        self.port = "54320"
        if os.getuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.base, user.pw_uid, user.pw_gid)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-k")
        lines = [
            "listen_addresses = ''",
            f"unix_socket_directories = '{self.base}'",
            f"port = {self.port}",
            "max_prepared_transactions = 20",
            "timezone = 'UTC'",
            *(["shared_preload_libraries = 'entitydb'"] if preload else []),
            *settings,
        ]
        with open(os.path.join(self.data, "postgresql.conf"), "a", encoding="utf-8") as conf:
            conf.write("\n".join(lines) + "\n")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.kill9()
        if kind is not None and self.keep_on_failure:
            print(f"the cluster is left in {self.base}")
        else:
            shutil.rmtree(self.base, ignore_errors=True)

    def _run(self, program, *arguments, check=True):
        command = [os.path.join(self.bin, program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        done = subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if check and done.returncode != 0:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")
        return done.returncode

    @property
    def log(self):
        path = os.path.join(self.base, "server.log")
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def start(self):
        """Starts it. Pid files of a killed server go first: a zombie that nobody reaped looks alive to PostgreSQL."""
        assert not self.pids(), "the cluster is running"
        for path in [os.path.join(self.data, "postmaster.pid"), *glob.glob(os.path.join(self.base, ".s.PGSQL.*"))]:
            if os.path.exists(path):
                os.unlink(path)
        log = os.path.join(self.base, "server.log")
        if self._run("pg_ctl", "-D", self.data, "-l", log, "-w", "-t", "300", "start", check=False) != 0:
            raise RuntimeError("the server did not start:\n" + self.log[-3000:])

    def stop(self, mode="fast"):
        self._run("pg_ctl", "-D", self.data, "-m", mode, "-w", "stop")

    def pids(self):
        """Every process of this cluster."""
        found = []
        for link in glob.glob("/proc/[0-9]*/cwd"):
            try:
                if os.readlink(link) == self.data:
                    found.append(int(link.split("/")[2]))
            except OSError:
                pass
        return found

    def kill9(self):
        """SIGKILL to every process of the cluster at once, the postmaster first, until none is left."""
        try:
            with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
                first = int(file.readline())
        except (OSError, ValueError):
            first = None
        for _ in range(200):
            pids = self.pids()
            if not pids:
                return
            for pid in sorted(pids, key=lambda p: p != first):
                try:
                    os.kill(pid, signal.SIGKILL)
                except OSError:
                    pass
            time.sleep(0.01)
        raise RuntimeError("processes survive SIGKILL")

    def connect(self, dbname="postgres", **more):
        return Connection(dbname=dbname, host=self.base, port=self.port, user="postgres", **more)

    def connect_when_up(self, dbname="postgres", seconds=60):
        """Like `connect`, trying again while the server is starting up."""
        end = time.monotonic() + seconds
        while True:
            try:
                return self.connect(dbname)
            except ConnectionLost:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)
