"""A PostgreSQL client in one file: the simple query protocol over a unix socket, with trust authentication.

Made for tests that need several sessions, SQLSTATEs, and statements that block. Values are text or None.
Invariant: after an error that leaves the connection alive, the connection is ready for the next query.
"""

import os
import socket
import struct


class PgError(Exception):
    """An ERROR from the server; `sqlstate`, `message`, `detail` and `hint` as it sent them."""

    def __init__(self, fields):
        self.sqlstate = fields.get("C", "")
        self.message = fields.get("M", "")
        self.detail = fields.get("D")
        self.hint = fields.get("H")
        super().__init__(f"{self.sqlstate}: {self.message}" + (f" ({self.detail})" if self.detail else ""))


class ConnectionLost(Exception):
    """The server went away: what was sent and not answered may or may not have happened."""


class Result:
    """One statement's answer: `columns`, `rows` (tuples of text or None) and the command `tag`."""

    def __init__(self):
        self.columns = []
        self.rows = []
        self.tag = ""


class Connection:
    """A session. Connects from PGHOST, PGPORT, PGUSER and PGDATABASE where nothing else is given."""

    def __init__(self, dbname=None, host=None, port=None, user=None, options=None):
        host = host or os.environ["PGHOST"]
        port = port or os.environ["PGPORT"]
        user = user or os.environ.get("PGUSER", "postgres")
        dbname = dbname or os.environ.get("PGDATABASE", "postgres")
        self.notices = []
        self.notifications = []  # (pid, channel, payload)
        self.pid = None
        self._buffer = b""
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._socket.connect(f"{host}/.s.PGSQL.{port}")
        except OSError as error:
            self._socket.close()
            raise ConnectionLost(str(error)) from None
        parameters = {"user": user, "database": dbname, "client_encoding": "UTF8"}
        if options:
            parameters["options"] = options
        body = b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in parameters.items())
        self._write(struct.pack("!ii", len(body) + 9, 196608) + body + b"\0")
        self._until_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def query(self, sql):
        """Runs one or more statements; the last one's Result."""
        self.send(sql)
        return self.receive()

    def rows(self, sql):
        return self.query(sql).rows

    def value(self, sql):
        """The single value of a single row."""
        rows = self.rows(sql)
        assert len(rows) == 1 and len(rows[0]) == 1, f"not one value: {rows!r:.200}"
        return rows[0][0]

    def copy_in(self, sql, data):
        """Runs a COPY .. FROM STDIN with `data` (bytes, or an iterable of bytes)."""
        self.send(sql)
        for chunk in [data] if isinstance(data, bytes) else data:
            self._write(b"d" + struct.pack("!i", len(chunk) + 4) + chunk)
        self._write(b"c" + struct.pack("!i", 4))
        return self.receive()

    def send(self, sql):
        """Sends a query without waiting; `receive` gives its answer."""
        body = sql.encode() + b"\0"
        self._write(b"Q" + struct.pack("!i", len(body) + 4) + body)

    def receive(self):
        """The Result of the last statement of what was sent; raises its PgError."""
        results = self._until_ready()
        return results[-1] if results else Result()

    def answered(self, seconds):
        """Whether the answer to `send` begins to arrive within so many seconds."""
        if self._buffer:
            return True
        self._socket.settimeout(seconds)
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK))
        except (TimeoutError, socket.timeout):
            return False
        except OSError:
            return True
        finally:
            self._socket.settimeout(None)

    def close(self):
        try:
            self._socket.sendall(b"X" + struct.pack("!i", 4))
        except OSError:
            pass
        self._socket.close()

    def _write(self, data):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLost(str(error)) from None

    def _read(self, count):
        while len(self._buffer) < count:
            try:
                part = self._socket.recv(1 << 16)
            except OSError as error:
                raise ConnectionLost(str(error)) from None
            if not part:
                raise ConnectionLost("the server closed the connection")
            self._buffer += part
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def _until_ready(self):
        results, current, error = [], Result(), None
        while True:
            head = self._read(5)
            kind, body = head[:1], self._read(struct.unpack("!i", head[1:])[0] - 4)
            if kind == b"T":
                current.columns = _column_names(body)
            elif kind == b"D":
                current.rows.append(_row(body))
            elif kind == b"C":
                current.tag = body[:-1].decode()
                results.append(current)
                current = Result()
            elif kind == b"E":
                error = PgError(_fields(body))
                if _fields(body).get("V") in ("FATAL", "PANIC"):
                    raise ConnectionLost(str(error))
            elif kind == b"N":
                fields = _fields(body)
                self.notices.append((fields.get("V"), fields.get("C"), fields.get("M")))
            elif kind == b"A":
                channel, payload = body[4:-1].split(b"\0")
                self.notifications.append((struct.unpack("!i", body[:4])[0], channel.decode(), payload.decode()))
            elif kind == b"K":
                self.pid = struct.unpack("!i", body[:4])[0]
            elif kind == b"R" and struct.unpack("!i", body[:4])[0] != 0:
                raise ConnectionLost("the server wants a password")
            elif kind == b"Z":
                if error:
                    raise error
                return results


def _column_names(body):
    names, offset = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        end = body.index(b"\0", offset)
        names.append(body[offset:end].decode())
        offset = end + 19
    return names


def _row(body):
    values, offset = [], 2
    for _ in range(struct.unpack("!h", body[:2])[0]):
        (length,) = struct.unpack_from("!i", body, offset)
        offset += 4
        if length < 0:
            values.append(None)
        else:
            values.append(body[offset : offset + length].decode())
            offset += length
    return tuple(values)


def _fields(body):
    return {part[:1].decode(): part[1:].decode() for part in body.split(b"\0") if part}


def literal(value):
    """A text value, or None, as an SQL literal."""
    if value is None:
        return "NULL"
    quoted = "'" + value.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in value else quoted


def array(values):
    """Texts as an SQL text[] expression."""
    return "ARRAY[" + ", ".join(literal(v) for v in values) + "]::text[]"
