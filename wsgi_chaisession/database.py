"""Calls on a database that may be starting, restarting, hanging or gone.

Every call ends in time. One that failed on the way is tried again, so the work
given to ``call`` must be safe to repeat, and able to say whether an earlier try
has landed.
"""

import logging
import os
import time
from collections.abc import Callable, Sequence
from math import ceil
from time import monotonic
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import errors

import chaisql

from .errors import StoreError, StoreUnavailable
from .pool import Connection, DeadlineExceeded, Pool

logger = logging.getLogger(__name__)

T = TypeVar("T")

_MAX_PAUSE = 0.2  # seconds between two tries of a call
# The server is leaving, full or busy: the same call may succeed a moment later.
_TRANSIENT = (
    errors.AdminShutdown,
    errors.CannotConnectNow,
    errors.CrashShutdown,
    errors.DeadlockDetected,
    errors.IdleInTransactionSessionTimeout,
    errors.LockNotAvailable,
    errors.SerializationFailure,
    errors.TooManyConnections,
)


class Database:
    """A Chai directory or a URL, with the connections of this process to it.

    :param schema: statements that create what is missing. In a directory they run
        when a table is found missing; behind a URL only when asked for.
    """

    def __init__(
        self, target: str | os.PathLike[str], *, schema: Sequence[LiteralString], max_connections: int
    ) -> None:
        kind = chaisql.target_kind(target)
        if kind is chaisql.TargetKind.MEMORY:
            raise ValueError(
                "each connection to :memory: has a database of its own: give the store a directory"
            )
        if max_connections < 1:
            raise ValueError(f"max_connections must be positive, not {max_connections}")
        self._is_url = kind is chaisql.TargetKind.URL
        place = os.fspath(target)
        # A program that changes its working directory later must not change the database.
        self._target = place if self._is_url else os.path.abspath(place)  # noqa: PTH100 - no I/O
        self._schema = schema
        self.pool = Pool(self._connect, limit=max_connections)

    def __str__(self) -> str:
        return "at a URL" if self._is_url else self._target

    def call(
        self,
        work: Callable[[Connection], T],
        *,
        timeout: float,
        landed: Callable[[Connection], T] | None = None,
    ) -> T:
        """Run *work* on a connection until it succeeds, is refused, or *timeout* is up.

        A repeat that finds nothing left to do asks *landed* whether an earlier
        try, whose answer was lost, has done it.
        """
        deadline = monotonic() + timeout
        tried, pause = False, 0.0  # the first repeat at once: an idle connection had died
        while True:
            try:
                with self.pool.connection(deadline) as connection:
                    repeat, tried = tried, True
                    result = work(connection)
                    return landed(connection) if repeat and landed and not result else result
            except errors.UndefinedTable as error:
                self._heal(error, deadline)
            except psycopg.Error as error:
                self._judge(error, deadline - pause, timeout)
            time.sleep(pause)  # by this name, under which gevent may have put its own
            pause = min(pause * 2 or 0.01, _MAX_PAUSE)

    def create_schema(self, timeout: float) -> None:
        for statement in self._schema:
            self.call(_definer(statement), timeout=timeout)

    def _heal(self, error: psycopg.Error, deadline: float) -> None:
        """A new directory gets its tables; a database behind a URL is not ours to change."""
        left = deadline - monotonic()
        if self._is_url or left <= 0:
            raise StoreError(f"{_reason(error)}; ChaiStore.create_schema() creates the tables") from error
        logger.info("%s has no tables yet: creating them", self)
        for statement in self._schema:
            self.call(_definer(statement), timeout=max(deadline - monotonic(), 0.01))

    def _judge(self, error: psycopg.Error, until: float, timeout: float) -> None:
        """Return when another try makes sense, else raise what the caller shall see."""
        if isinstance(error, chaisql.ServerError) and error.permanent:
            raise StoreUnavailable(f"the store cannot be reached: {_reason(error)}") from error
        if not _is_transient(error):
            raise StoreError(f"the store refused a call: {_reason(error)}") from error
        self.pool.drop_idle()
        if isinstance(error, DeadlineExceeded) or monotonic() >= until:
            raise StoreUnavailable(
                f"the store did not answer within {timeout:.1f} s: {_reason(error)}"
            ) from error

    def _connect(self, deadline: float) -> Connection:
        left = max(deadline - monotonic(), 0.1)
        options: dict[str, Any] = {"autocommit": True}
        if self._is_url:
            options["connect_timeout"] = ceil(left)
        connection = Connection.adopt(chaisql.connect(self._target, start_timeout=left, **options))
        connection.deadline = deadline
        try:
            _set_utc(connection)
        except BaseException:
            connection.close()
            raise
        return connection


def _set_utc(connection: Connection) -> None:
    """Naive UTC columns are compared with now(): the connection's time zone must agree."""
    if connection.info.parameter_status("TimeZone") not in ("UTC", "Etc/UTC"):
        connection.execute("SET TIME ZONE 'UTC'")


def _definer(statement: LiteralString) -> Callable[[Connection], None]:
    def define(connection: Connection) -> None:
        try:
            connection.execute(statement)
        except (errors.UniqueViolation, errors.DuplicateTable, errors.DuplicateObject):
            # PostgreSQL: IF NOT EXISTS can lose a race against another process; now it exists.
            connection.execute(statement)

    return define


def _is_transient(error: psycopg.Error) -> bool:
    # Without an SQLSTATE the connection itself failed.
    return isinstance(error, (DeadlineExceeded, *_TRANSIENT)) or (
        isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError))
        and (error.sqlstate is None or error.sqlstate.startswith("08"))
    )


def _reason(error: psycopg.Error) -> str:
    """The driver's message without its details, which may quote stored values."""
    return error.diag.message_primary or str(error).partition("\nDETAIL")[0] or type(error).__name__
