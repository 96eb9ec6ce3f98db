"""ChaiStore: the store contract in SQL.

Columns hold naive UTC; aware times are converted here and nowhere else.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString, Self, TypeVar
from uuid import uuid4

from . import statements
from .database import Database
from .errors import StoreError
from .guarded import Write, end
from .lookup import find
from .pool import Connection
from .seconds import check_seconds
from .store import ReaperStatus, Record
from .tokens import hash_token

T = TypeVar("T")

_RUN_KEPT = timedelta(minutes=10)  # beyond the longest time for which a call is repeated

_PRINCIPAL_PAGE = 500
_DELETE_PAGE = 50  # sessions in one transaction: short enough for other writers
# Looks for sessions that were renewed while their principal's were deleted: each needs a renewal in between.
_DELETE_ROUNDS = 20


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
        check_seconds("timeout", timeout)
        self.timeout = timeout
        self._database = Database(path_or_url, schema=statements.SCHEMA, max_connections=max_connections)

    def __repr__(self) -> str:
        return f"<ChaiStore {self._database}>"

    def with_timeout(self, seconds: float) -> Self:
        """This store with another timeout; it shares its connections."""
        check_seconds("timeout", seconds)
        view = copy(self)
        view.timeout = seconds
        return view

    # -- the contract ----------------------------------------------------------

    def find(self, key: str) -> Record | None:
        """The record, or None when it is missing or expired by the database's clock."""
        return self._call(lambda connection: find(connection, key))

    def insert(
        self,
        key: str,
        data: bytes,
        expiry: datetime,
        *,
        principal: str | None = None,
        ending: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Add a new session; False, and nothing written, when the key exists or *ending* does not hold."""
        row = {"key": key, "data": data, "expiry": _naive(expiry)}
        return self._write(Write(statements.INSERT, row, principal, ending))

    def replace(
        self,
        key: str,
        old_data: bytes,
        data: bytes,
        expiry: datetime,
        *,
        principal: str | None = None,
        ending: Mapping[str, bytes] | None = None,
    ) -> bool:
        """Compare-and-swap; False when the key is not as it was seen, or *ending* does not hold."""
        row = {"key": key, "old": old_data, "data": data, "expiry": _naive(expiry)}
        return self._write(Write(statements.REPLACE, row, principal, ending))

    def touch(self, key: str, expiry: datetime, *, principal: str | None = None) -> bool:
        """Move the expiry forward, never back, data untouched; False when gone."""
        write = Write(statements.TOUCH, {"key": key, "expiry": _naive(expiry)}, principal)
        return self._call(lambda connection: write.run(connection) or find(connection, key) is not None)

    def commit(self, key: str, data: bytes, expiry: datetime) -> None:
        """Insert or overwrite, unconditionally. For migrations."""
        self._count(statements.COMMIT, {"key": key, "data": data, "expiry": _naive(expiry)})

    def delete(self, key: str, *, data: bytes | None = None) -> bool:
        """Remove the session and its index entry; False when there was none, or none with *data*."""

        def delete(connection: Connection) -> bool:
            return _delete(connection, [key]) > 0 if data is None else end(connection, key, data)

        return self._call(delete, landed=lambda connection: find(connection, key) is None)

    def all(self, page: int = 1000) -> Iterator[tuple[str, Record]]:
        """Every active session, read *page* rows at a time."""
        after = ""
        while rows := self._rows(statements.PAGE, {"after": after, "page": page}):
            for key, data, expiry in rows:
                yield key, Record(data, _aware(expiry))
            after = rows[-1][0]

    def find_principal(self, principal: str) -> list[str]:
        """The keys of this principal's active sessions."""
        # Bounds that hold in every collation: "z" sorts behind all of base64url.
        low = hash_token(principal) + ":"
        span = {"low": low, "high": low + "z" * 44, "page": _PRINCIPAL_PAGE}
        keys: list[str] = []
        while True:
            rows = self._rows(statements.ENTRIES, span)
            keys += [key for (key,) in rows]
            if len(rows) < _PRINCIPAL_PAGE:
                return keys
            span["low"] = low + keys[-1]

    def delete_principal(self, principal: str, except_key: str | None = None) -> int:
        """Remove this principal's sessions, but for *except_key*; how many went.

        :raises StoreError: new ones were made faster than they could be removed.
        """
        gone = 0
        for _ in range(_DELETE_ROUNDS):
            keys = [key for key in self.find_principal(principal) if key != except_key]
            if not keys:
                return gone
            pages = [keys[i : i + _DELETE_PAGE] for i in range(0, len(keys), _DELETE_PAGE)]
            gone += sum(self._delete_page(page) for page in pages)
        raise StoreError(
            f"{gone} sessions of one principal were deleted, and after {_DELETE_ROUNDS} looks there are "
            "new ones: whoever starts them has to be stopped first"
        )

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        """Remove at most *limit* sessions that have expired by *now*, oldest first; how many went."""
        judge = "now()" if now is None else "%(now)b"
        values = {"limit": limit} if now is None else {"limit": limit, "now": _naive(now)}
        gone = self._count(statements.EXPIRED.format(table="sessions", key="token", now=judge), values)
        self._count(statements.EXPIRED.format(table="session_principals", key="id", now=judge), values)
        return gone

    def count(self) -> int:
        """How many sessions are active."""
        return int(self._rows(statements.COUNT, {})[0][0])

    def count_expired(self) -> int:
        """How many sessions have expired and wait for the reaper."""
        return int(self._rows(statements.COUNT_EXPIRED, {})[0][0])

    def create_schema(self) -> None:
        """Create the tables and indexes that are missing."""
        self._database.create_schema(self.timeout)

    def close(self) -> None:
        """Close this process's connections; the next call opens new ones."""
        self._database.pool.close()

    # -- the reaper's log ------------------------------------------------------

    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None:
        """Add one finished run of a reaper to the totals, once, also where this is repeated."""
        run = {"id": uuid4().hex, "deleted": deleted, "seconds": seconds, "interval": interval}
        repeated = _RUN_KEPT + timedelta(seconds=self.timeout)
        self._call(lambda connection: _record_run(connection, run, repeated))

    def reaper_status(self) -> ReaperStatus | None:
        """The reaper's totals, or None before its first run."""
        rows = self._rows(statements.RUN_STATUS, {})
        if not rows:
            return None
        now, finished, runs, deleted, last_deleted, seconds = rows[0]
        last = self._rows(statements.RUN_LAST, {})
        age = (now - _aware(finished)).total_seconds()
        interval = last[0][0] if last else None
        return ReaperStatus(_aware(finished), runs, deleted, last_deleted, seconds, interval, age)

    def reaper_lag(self) -> float:
        """How many seconds ago the oldest session that is still there expired; 0 when none has."""
        rows = self._rows(statements.OLDEST, {})
        return (rows[0][0] - _aware(rows[0][1])).total_seconds() if rows else 0.0

    # -- calls -----------------------------------------------------------------

    def _rows(self, sql: LiteralString, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        return self._call(lambda connection: connection.query(sql, values).fetchall())

    def _count(self, sql: LiteralString, values: Mapping[str, Any]) -> int:
        return self._call(lambda connection: connection.query(sql, values).rowcount)

    def _write(self, write: Write) -> bool:
        return self._call(write.run, landed=write.has_landed)

    def _delete_page(self, keys: list[str]) -> int:
        return self._call(lambda connection: _delete(connection, keys))

    def _call(self, work: Callable[[Connection], T], landed: Callable[[Connection], T] | None = None) -> T:
        return self._database.call(work, timeout=self.timeout, landed=landed)


def _delete(connection: Connection, keys: Iterable[str]) -> int:
    """Sessions and their entries in one transaction and one round trip."""
    with connection.pipeline():
        cursors = [
            connection.query(sql, {"key": key})
            for key in keys
            for sql in (statements.DELETE, statements.ENTRY_DELETE)
        ]
    return sum(cursor.rowcount for cursor in cursors[::2])


def _record_run(connection: Connection, run: Mapping[str, Any], repeated: timedelta) -> None:
    with connection.transaction():
        if not connection.query(statements.RUN_ENTER, run).rowcount:
            return  # an earlier try has landed, its answer was lost
        connection.query(statements.RUN_ADD, run)
        now = connection.query(statements.RUN_NOW, {}).fetchall()[0][0]
        connection.query(statements.RUN_FORGET, {"until": _naive(now - repeated)})


def _naive(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"a store's times are aware, and {moment} has no time zone")
    return moment.astimezone(UTC).replace(tzinfo=None)


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
