"""What the loop needs of a store and of its errors, and that store with a sign of life after each call."""

from collections.abc import Callable
from datetime import datetime
from typing import Protocol, TypeVar

from wsgi_chaisession.errors import SessionError
from wsgi_chaisession.store import ReaperStatus

__all__ = ["ReapableStore", "ReaperStatus", "Watched", "took_too_long"]

T = TypeVar("T")


QUERY_CANCELED = "57014"  # SQLSTATE; what a statement_timeout ends with, PostgreSQL's and chaisqld's


class ReapableStore(Protocol):
    """The part of `wsgi_chaisession.ChaiStore` that the reaper uses."""

    def delete_expired(self, limit: int, now: datetime | None = None) -> int: ...
    def count_expired(self) -> int: ...
    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None: ...
    def reaper_status(self) -> ReaperStatus | None: ...
    def reaper_lag(self) -> float: ...
    def close(self) -> None: ...


class Watched:
    """A store that calls ``beat`` after each answer and each failure, whoever asked it.

    Each of its methods ends within twice the store's timeout, being at most two calls to the database. So a
    watchdog that waits longer than that bites when a call hangs beyond its deadline, and else never.
    """

    def __init__(self, store: ReapableStore, beat: Callable[[], None]) -> None:
        self._store = store
        self._beat = beat

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        return self._ended(lambda: self._store.delete_expired(limit, now))

    def count_expired(self) -> int:
        return self._ended(self._store.count_expired)

    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None:
        self._ended(lambda: self._store.record_reaper_run(deleted, seconds, interval=interval))

    def reaper_status(self) -> ReaperStatus | None:
        return self._ended(self._store.reaper_status)

    def reaper_lag(self) -> float:
        return self._ended(self._store.reaper_lag)

    def close(self) -> None:
        self._store.close()

    def _ended(self, call: Callable[[], T]) -> T:
        try:
            return call()
        finally:
            self._beat()


def took_too_long(error: SessionError) -> bool:
    """Say whether the database ended a call that took longer than it lets a statement take."""
    return getattr(error.__cause__, "sqlstate", None) == QUERY_CANCELED
