"""The few connections of one worker process: last in first out, bounded, with deadlines.

Not psycopg_pool, because that needs threads of its own, which uWSGI does not run
unless told to and which do not survive fork(). Shelves are kept by process id: a
connection that a child inherits from a preloading parent is the parent's. It is
neither used nor closed there, nor collected, since closing would end it for both.
"""

import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from math import inf
from threading import Condition
from time import monotonic
from typing import Any, LiteralString, Self, TypeVar, cast

import psycopg
from psycopg import waiting
from psycopg.pq import TransactionStatus

T = TypeVar("T")

# How often a wait looks at its deadline: late by this much at most.
_LOOK_SECONDS = 0.05


class DeadlineExceeded(psycopg.OperationalError):
    """The server did not answer in time; the connection was closed."""


class Connection(psycopg.Connection[Any]):
    """A psycopg connection whose every wait ends at ``deadline`` (monotonic seconds).

    A statement timeout would not do: a server that is stopped or swapped out
    does not run its own timers.
    """

    deadline: float = inf
    lookup: Any = None  # what lookup.py waits with, once it has prepared its statement here

    @classmethod
    def adopt(cls, connection: psycopg.Connection[Any]) -> Self:
        connection.__class__ = cls  # chaisql.connect makes plain ones; no state differs
        return cast("Self", connection)

    def query(self, sql: LiteralString, values: Mapping[str, Any]) -> psycopg.Cursor[Any]:
        """Run a statement as all of the store's are: prepared at once, its results in binary."""
        return self.execute(sql, values, prepare=True, binary=True)

    def wait(
        self,
        gen: Generator[Any, Any, T],
        interval: float = _LOOK_SECONDS,
        *args: Any,
        **options: Any,
    ) -> T:
        pause = min(interval, _LOOK_SECONDS)
        if greenlets_wait():
            return self._wait_for_turn(gen, pause)
        return super().wait(self._watch(gen), pause, *args, **options)

    def _wait_for_turn(self, gen: Generator[Any, Any, T], pause: float) -> T:
        """Let other greenlets run, also where psycopg was imported before gevent's patches."""
        try:
            return waiting.wait_select(self._watch(gen), self.pgconn.socket, pause)
        except Exception:
            raise
        except BaseException:  # the greenlet is being killed: nobody will read the answer
            self.close()
            raise

    def _watch(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """Pass *gen* through, looking at the clock whenever nothing is ready."""
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if not ready and monotonic() > self.deadline:
                    self.close()
                    raise DeadlineExceeded("the server did not answer within the deadline")
                wanted = gen.send(ready)
        except StopIteration as end:
            return cast("T", end.value)

    @property
    def reusable(self) -> bool:
        return not self.closed and self.pgconn.transaction_status == TransactionStatus.IDLE


def greenlets_wait() -> bool:
    """Whether gevent has replaced select; a preloading server does that after importing us."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("select"))


class Pool:
    """At most *limit* connections per process, opened by *connect* when first needed."""

    def __init__(self, connect: Callable[[float], Connection], *, limit: int) -> None:
        self._connect = connect
        self._limit = limit
        self._shelves: dict[int, _Shelf] = {}

    @contextmanager
    def connection(self, deadline: float) -> Generator[Connection, None, None]:
        """A connection for the length of a with block, all of it until *deadline*."""
        shelf = self._shelf()
        connection = shelf.take(deadline)
        try:
            if connection is None:
                connection = self._connect(deadline)
            connection.deadline = deadline
            yield connection
        finally:
            shelf.put_back(connection)

    def drop_idle(self) -> None:
        """Close the idle ones: when one has died, the others are seldom alive."""
        self._shelf().drop_idle()

    def close(self) -> None:
        """Close this process's connections; those in use when they come back."""
        shelf = self._shelves.pop(os.getpid(), None)
        if shelf is not None:
            shelf.close()

    def _shelf(self) -> "_Shelf":
        pid = os.getpid()
        return self._shelves.get(pid) or self._shelves.setdefault(pid, _Shelf(self._limit))


class _Shelf:
    """The connections of one process."""

    def __init__(self, limit: int) -> None:
        self._changed = Condition()
        self._idle: list[Connection] = []
        self._free = limit
        self._limit = limit
        self._closed = False

    def take(self, deadline: float) -> Connection | None:
        """An idle connection, or None as the permission to open one."""
        with self._changed:
            # Looked at again when the time is up: one may have come back in that very moment, and who was
            # notified of it must not go away.
            if not self._changed.wait_for(lambda: self._free, max(0.0, deadline - monotonic())):
                raise DeadlineExceeded(f"all {self._limit} connections of this process are in use")
            self._free -= 1
            return self._idle.pop() if self._idle else None

    def put_back(self, connection: Connection | None) -> None:
        with self._changed:
            self._free += 1
            if connection is not None and connection.reusable and not self._closed:
                self._idle.append(connection)
            elif connection is not None:
                connection.close()
            self._changed.notify()

    def drop_idle(self) -> None:
        with self._changed:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def close(self) -> None:
        with self._changed:
            self._closed = True
        self.drop_idle()
