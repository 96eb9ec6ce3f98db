"""ChaiStore: the store contract in SQL.

Columns hold naive UTC; aware times are converted here and nowhere else.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, Self, TypeVar
from uuid import uuid4

import psycopg

from . import statements
from .database import Database
from .lookup import NotOrdinaryError, look_up
from .pool import Connection
from .store import ReaperStatus, Record
from .tokens import hash_text

T = TypeVar("T")

_RUN_KEPT = timedelta(minutes=10)  # beyond the longest time for which a call is repeated

_PRINCIPAL_PAGE = 500
_DELETE_PAGE = 50  # sessions in one transaction: short enough for other writers


class ChaiStore:
    """Sessions in a Chai directory, or in whatever serves a ``postgresql://`` URL.

    Nothing is opened until the first call. A directory's server is found or
    started, and its tables are created, on demand; behind a URL the tables are
    someone's decision: call create_schema(). Safe with threads and fork().

    :param path_or_url: a directory, which need not be there yet, or a ``postgresql://`` URL.
    :param timeout: seconds within which each call ends, retries included. (libpq
        gives a connection attempt two seconds at least.)
    :param max_connections: per process; a call that finds all in use waits its turn.
    :raises ValueError: an option makes no sense.
    """

    def __init__(
        self, path_or_url: str | os.PathLike[str], *, timeout: float = 2.0, max_connections: int = 10
    ) -> None:
        if timeout <= 0:
            raise ValueError(f"timeout must be positive, not {timeout}")
        self.timeout = timeout
        self._database = Database(path_or_url, schema=statements.SCHEMA, max_connections=max_connections)

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
        return self._write(statements.INSERT, row, principal)

    def replace(
        self, key: str, old_data: bytes, data: bytes, expiry: datetime, *, principal: str | None = None
    ) -> bool:
        row = {"key": key, "old": old_data, "data": data, "expiry": _naive(expiry)}
        return self._write(statements.REPLACE, row, principal)

    def touch(self, key: str, expiry: datetime, *, principal: str | None = None) -> bool:
        row = {"key": key, "expiry": _naive(expiry)}
        return self._call(
            lambda connection: (
                _write(connection, statements.TOUCH, row, principal) or _find(connection, key) is not None
            )
        )

    def commit(self, key: str, data: bytes, expiry: datetime) -> None:
        self._count(statements.COMMIT, {"key": key, "data": data, "expiry": _naive(expiry)})

    def delete(self, key: str) -> bool:
        return self._call(
            lambda connection: _delete(connection, [key]) > 0,
            landed=lambda connection: _find(connection, key) is None,
        )

    def all(self, page: int = 1000) -> Iterator[tuple[str, Record]]:
        after = ""
        while rows := self._rows(statements.PAGE, {"after": after, "page": page}):
            for key, data, expiry in rows:
                yield key, Record(data, _aware(expiry))
            after = rows[-1][0]

    def find_principal(self, principal: str) -> list[str]:
        # Bounds that hold in every collation: "z" sorts behind all of base64url.
        low = hash_text(principal) + ":"
        span = {"low": low, "high": low + "z" * 44, "page": _PRINCIPAL_PAGE}
        keys: list[str] = []
        while rows := self._rows(statements.ENTRIES, span):
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
        gone = self._count(statements.EXPIRED.format(table="sessions", key="token", now=judge), values)
        self._count(statements.EXPIRED.format(table="session_principals", key="id", now=judge), values)
        return gone

    def count(self) -> int:
        return int(self._rows(statements.COUNT, {})[0][0])

    def count_expired(self) -> int:
        return int(self._rows(statements.COUNT_EXPIRED, {})[0][0])

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
        rows = self._rows(statements.RUN_STATUS, {})
        if not rows:
            return None
        now, finished, runs, deleted, last_deleted, seconds = rows[0]
        last = self._rows(statements.RUN_LAST, {})
        age = (now - _aware(finished)).total_seconds()
        interval = last[0][0] if last else None
        return ReaperStatus(_aware(finished), runs, deleted, last_deleted, seconds, interval, age)

    def reaper_lag(self) -> float:
        rows = self._rows(statements.OLDEST, {})
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
    row = _execute(connection, statements.FIND, {"key": key}).fetchone()
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
    if principal and _execute(connection, statements.ENTRY_UPDATE, entry).rowcount:
        return
    _execute(connection, statements.ENTRY_DELETE, entry)
    if principal:
        _execute(connection, statements.ENTRY_INSERT, entry)


def _delete(connection: Connection, keys: Iterable[str]) -> int:
    """Sessions and their entries in one transaction and one round trip."""
    with connection.pipeline():
        sessions: list[psycopg.Cursor[Any]] = []
        for key in keys:
            sessions.append(_execute(connection, statements.DELETE, {"key": key}))
            _execute(connection, statements.ENTRY_DELETE, {"key": key})
    return sum(cursor.rowcount for cursor in sessions)


def _record_run(connection: Connection, run: Mapping[str, Any], repeated: timedelta) -> None:
    with connection.transaction():
        if not _execute(connection, statements.RUN_ENTER, run).rowcount:
            return  # an earlier try has landed, its answer was lost
        _execute(connection, statements.RUN_ADD, run)
        now = _execute(connection, statements.RUN_NOW, {}).fetchall()[0][0]
        _execute(connection, statements.RUN_FORGET, {"until": _naive(now - repeated)})


def _naive(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a store's times are aware, and {moment} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
