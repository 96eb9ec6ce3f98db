"""ChaiStore: the store contract in SQL, one text for chaisqld and PostgreSQL.

Columns hold naive UTC; aware times are converted here and nowhere else. The
sessions table is the one that chaistore made. Sessions of one user are found
through a second table: its key is "principal hash:token hash", because an index
over a column of few distinct values is slow to delete from in Chai.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, Self, TypeVar
from uuid import uuid4

import psycopg

from .database import Database
from .lookup import NotOrdinaryError, look_up
from .pool import Connection
from .store import ReaperStatus, Record
from .tokens import hash_text

T = TypeVar("T")

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS sessions
    (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS idx_sessions_expiry ON sessions (expiry)",
    """CREATE TABLE IF NOT EXISTS session_principals
    (id TEXT PRIMARY KEY, token TEXT NOT NULL, expiry TIMESTAMP NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS idx_session_principals_token ON session_principals (token)",
    "CREATE INDEX IF NOT EXISTS idx_session_principals_expiry ON session_principals (expiry)",
    """CREATE TABLE IF NOT EXISTS session_reaper
    (name TEXT PRIMARY KEY, finished TIMESTAMP NOT NULL, runs BIGINT NOT NULL,
    deleted BIGINT NOT NULL, last_deleted BIGINT NOT NULL, seconds DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS session_reaper_runs
    (id TEXT PRIMARY KEY, finished TIMESTAMP NOT NULL, pace DOUBLE PRECISION)""",
    "CREATE INDEX IF NOT EXISTS idx_session_reaper_runs_finished ON session_reaper_runs (finished)",
)

_FIND = "SELECT data, expiry FROM sessions WHERE token = %(key)b AND expiry > now()"
_INSERT = (
    "INSERT INTO sessions (token, data, expiry) VALUES (%(key)b, %(data)b, %(expiry)b)"
    " ON CONFLICT (token) DO NOTHING"
)
_REPLACE = (
    "UPDATE sessions SET data = %(data)b, expiry = %(expiry)b"
    " WHERE token = %(key)b AND data = %(old)b AND expiry > now()"
)
_TOUCH = (
    "UPDATE sessions SET expiry = %(expiry)b WHERE token = %(key)b AND expiry < %(expiry)b AND expiry > now()"
)
_COMMIT = (
    "INSERT INTO sessions (token, data, expiry) VALUES (%(key)b, %(data)b, %(expiry)b)"
    " ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry"
)
_DELETE = "DELETE FROM sessions WHERE token = %(key)b"
_PAGE = (
    "SELECT token, data, expiry FROM sessions WHERE token > %(after)b AND expiry > now()"
    " ORDER BY token LIMIT %(page)b"
)
_COUNT = "SELECT count(*) FROM sessions WHERE expiry > now()"
_COUNT_EXPIRED = "SELECT count(*) FROM sessions WHERE expiry < now()"
# The expiry is judged again outside: a session extended after the inner select survives.
_EXPIRED = (
    "DELETE FROM {table} WHERE expiry < {now} AND {key} IN"
    " (SELECT {key} FROM {table} WHERE expiry < {now} ORDER BY expiry LIMIT %(limit)b)"
)

_ENTRY_UPDATE = "UPDATE session_principals SET expiry = %(expiry)b WHERE id = %(id)b"
_ENTRY_INSERT = (
    "INSERT INTO session_principals (id, token, expiry) VALUES (%(id)b, %(key)b, %(expiry)b)"
    " ON CONFLICT (id) DO UPDATE SET token = EXCLUDED.token, expiry = EXCLUDED.expiry"
)
_ENTRY_DELETE = "DELETE FROM session_principals WHERE token = %(key)b"
_ENTRIES = (
    "SELECT token FROM session_principals WHERE id > %(low)b AND id < %(high)b AND expiry > now()"
    " ORDER BY id LIMIT %(page)b"
)

_OLDEST = "SELECT now(), expiry FROM sessions WHERE expiry < now() ORDER BY expiry LIMIT 1"

# A run enters under an id of its own before it is added, so that a repeat adds nothing. Only the store's
# clock is read: reapers on several hosts need not agree about the time.
_RUN_ENTER = (
    "INSERT INTO session_reaper_runs (id, finished, pace) VALUES (%(id)b, now(), %(interval)b)"
    " ON CONFLICT (id) DO NOTHING"
)
_RUN_ADD = (
    "INSERT INTO session_reaper (name, finished, runs, deleted, last_deleted, seconds)"
    " VALUES ('reaper', now(), 1, %(deleted)b, %(deleted)b, %(seconds)b) ON CONFLICT (name) DO UPDATE"
    " SET finished = EXCLUDED.finished, runs = session_reaper.runs + 1,"
    " deleted = session_reaper.deleted + EXCLUDED.deleted, last_deleted = EXCLUDED.last_deleted,"
    " seconds = EXCLUDED.seconds"
)
_RUN_NOW = "SELECT now()"
_RUN_FORGET = "DELETE FROM session_reaper_runs WHERE finished < %(until)b"
_RUN_STATUS = (
    "SELECT now(), finished, runs, deleted, last_deleted, seconds FROM session_reaper WHERE name = 'reaper'"
)
_RUN_LAST = "SELECT pace FROM session_reaper_runs ORDER BY finished DESC LIMIT 1"
_RUN_KEPT = timedelta(minutes=10)  # beyond the longest time for which a call is repeated

_PRINCIPAL_PAGE = 500
_DELETE_PAGE = 50  # sessions in one transaction: short enough for other writers


class ChaiStore:
    """Sessions in a Chai directory, or in whatever serves a ``postgresql://`` URL.

    Nothing is opened until the first call. A directory's server is found or
    started, and its tables are created, on demand; behind a URL the tables are
    someone's decision: call create_schema(). Safe with threads and fork().

    :param timeout: seconds within which each call ends, retries included. (libpq
        gives a connection attempt two seconds at least.)
    :param max_connections: per process; a call that finds all in use waits its turn.
    """

    def __init__(
        self, path_or_url: str | os.PathLike[str], *, timeout: float = 2.0, max_connections: int = 10
    ) -> None:
        if timeout <= 0:
            raise ValueError(f"timeout must be positive, not {timeout}")
        self.timeout = timeout
        self._database = Database(os.fspath(path_or_url), schema=SCHEMA, max_connections=max_connections)

    def __repr__(self) -> str:
        return f"<ChaiStore {self._database}>"

    def with_timeout(self, seconds: float) -> Self:
        if seconds <= 0:
            raise ValueError(f"timeout must be positive, not {seconds}")
        view = copy(self)
        view.timeout = seconds
        return view

    # -- the contract ----------------------------------------------------------

    def find(self, key: str) -> Record | None:
        return self._call(lambda connection: _find(connection, key))

    def insert(self, key: str, data: bytes, expiry: datetime, *, principal: str | None = None) -> bool:
        row = {"key": key, "data": data, "expiry": _naive(expiry)}
        return self._write(_INSERT, row, principal)

    def replace(
        self, key: str, old_data: bytes, data: bytes, expiry: datetime, *, principal: str | None = None
    ) -> bool:
        row = {"key": key, "old": old_data, "data": data, "expiry": _naive(expiry)}
        return self._write(_REPLACE, row, principal)

    def touch(self, key: str, expiry: datetime, *, principal: str | None = None) -> bool:
        row = {"key": key, "expiry": _naive(expiry)}
        return self._call(
            lambda connection: (
                _write(connection, _TOUCH, row, principal) or _find(connection, key) is not None
            )
        )

    def commit(self, key: str, data: bytes, expiry: datetime) -> None:
        self._count(_COMMIT, {"key": key, "data": data, "expiry": _naive(expiry)})

    def delete(self, key: str) -> bool:
        return self._call(
            lambda connection: _delete(connection, [key]) > 0,
            landed=lambda connection: _find(connection, key) is None,
        )

    def all(self, page: int = 1000) -> Iterator[tuple[str, Record]]:
        after = ""
        while rows := self._rows(_PAGE, {"after": after, "page": page}):
            for key, data, expiry in rows:
                yield key, Record(data, _aware(expiry))
            after = rows[-1][0]

    def find_principal(self, principal: str) -> list[str]:
        # Bounds that hold in every collation: "z" sorts behind all of base64url.
        low = hash_text(principal) + ":"
        span = {"low": low, "high": low + "z" * 44, "page": _PRINCIPAL_PAGE}
        keys: list[str] = []
        while rows := self._rows(_ENTRIES, span):
            keys += [key for (key,) in rows]
            span["low"] = low + keys[-1]
        return keys

    def delete_principal(self, principal: str, except_key: str | None = None) -> int:
        keys = [key for key in self.find_principal(principal) if key != except_key]
        pages = [keys[i : i + _DELETE_PAGE] for i in range(0, len(keys), _DELETE_PAGE)]
        return sum(self._delete_page(page) for page in pages)

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        judge = "now()" if now is None else "%(now)b"
        values = {"limit": limit} if now is None else {"limit": limit, "now": _naive(now)}
        gone = self._count(_EXPIRED.format(table="sessions", key="token", now=judge), values)
        self._count(_EXPIRED.format(table="session_principals", key="id", now=judge), values)
        return gone

    def count(self) -> int:
        return int(self._rows(_COUNT, {})[0][0])

    def count_expired(self) -> int:
        return int(self._rows(_COUNT_EXPIRED, {})[0][0])

    def create_schema(self) -> None:
        self._database.create_schema(self.timeout)

    def close(self) -> None:
        self._database.pool.close()

    # -- the reaper's log ------------------------------------------------------

    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None:
        run = {"id": uuid4().hex, "deleted": deleted, "seconds": seconds, "interval": interval}
        repeated = _RUN_KEPT + timedelta(seconds=self.timeout)
        self._call(lambda connection: _record_run(connection, run, repeated))

    def reaper_status(self) -> ReaperStatus | None:
        rows = self._rows(_RUN_STATUS, {})
        if not rows:
            return None
        now, finished, runs, deleted, last_deleted, seconds = rows[0]
        last = self._rows(_RUN_LAST, {})
        age = (now - _aware(finished)).total_seconds()
        interval = last[0][0] if last else None
        return ReaperStatus(_aware(finished), runs, deleted, last_deleted, seconds, interval, age)

    def reaper_lag(self) -> float:
        rows = self._rows(_OLDEST, {})
        return (rows[0][0] - _aware(rows[0][1])).total_seconds() if rows else 0.0

    # -- calls -----------------------------------------------------------------

    def _rows(self, sql: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._call(lambda connection: _execute(connection, sql, values).fetchall())

    def _count(self, sql: LiteralString, values: Mapping[str, Any]) -> int:
        return self._call(lambda connection: _execute(connection, sql, values).rowcount)

    def _write(self, sql: LiteralString, row: Mapping[str, Any], principal: str | None) -> bool:
        return self._call(
            lambda connection: _write(connection, sql, row, principal),
            landed=lambda connection: _holds(connection, row["key"], row["data"]),
        )

    def _delete_page(self, keys: list[str]) -> int:
        return self._call(lambda connection: _delete(connection, keys))

    def _call(self, work: Callable[[Connection], T], landed: Callable[[Connection], T] | None = None) -> T:
        return self._database.call(work, timeout=self.timeout, landed=landed)


def _execute(connection: Connection, sql: LiteralString, values: Mapping[str, Any]) -> psycopg.Cursor[Any]:
    return connection.execute(sql, values, prepare=True, binary=True)


def _find(connection: Connection, key: str) -> Record | None:
    try:
        return look_up(connection, key)
    except NotOrdinaryError:
        return _find_by_cursor(connection, key)


def _find_by_cursor(connection: Connection, key: str) -> Record | None:
    row = _execute(connection, _FIND, {"key": key}).fetchone()
    return Record(row[0], _aware(row[1])) if row else None


def _holds(connection: Connection, key: str, data: bytes) -> bool:
    """Whether an earlier try of this write has landed."""
    record = _find(connection, key)
    return record is not None and record.data == data


def _write(connection: Connection, sql: LiteralString, row: Mapping[str, Any], principal: str | None) -> bool:
    """One guarded write, and with it the principal's entry if there is one to write."""
    if principal is None:
        return _execute(connection, sql, row).rowcount > 0
    with connection.transaction():
        written = _execute(connection, sql, row).rowcount > 0
        if written:
            _enter(connection, row, principal)
    return written


def _enter(connection: Connection, row: Mapping[str, Any], principal: str) -> None:
    entry = {"key": row["key"], "expiry": row["expiry"], "id": f"{hash_text(principal)}:{row['key']}"}
    if principal and _execute(connection, _ENTRY_UPDATE, entry).rowcount:
        return
    _execute(connection, _ENTRY_DELETE, entry)
    if principal:
        _execute(connection, _ENTRY_INSERT, entry)


def _delete(connection: Connection, keys: Iterable[str]) -> int:
    """Sessions and their entries in one transaction and one round trip."""
    with connection.pipeline():
        sessions: list[psycopg.Cursor[Any]] = []
        for key in keys:
            sessions.append(_execute(connection, _DELETE, {"key": key}))
            _execute(connection, _ENTRY_DELETE, {"key": key})
    return sum(cursor.rowcount for cursor in sessions)


def _record_run(connection: Connection, run: Mapping[str, Any], repeated: timedelta) -> None:
    with connection.transaction():
        if not _execute(connection, _RUN_ENTER, run).rowcount:
            return  # an earlier try has landed, its answer was lost
        _execute(connection, _RUN_ADD, run)
        now = _execute(connection, _RUN_NOW, {}).fetchall()[0][0]
        _execute(connection, _RUN_FORGET, {"until": _naive(now - repeated)})


def _naive(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a store's times are aware, and {moment} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
