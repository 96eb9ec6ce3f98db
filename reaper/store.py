"""What the loop needs of a store, and whom it tells what it learned there."""

from datetime import datetime
from typing import Protocol

from wsgi_chaisession.store import ReaperStatus

__all__ = ["Observer", "ReapableStore", "ReaperStatus"]


class ReapableStore(Protocol):
    """The part of `wsgi_chaisession.ChaiStore` that the reaper uses."""

    def delete_expired(self, limit: int, now: datetime | None = None) -> int: ...
    def count_expired(self) -> int: ...
    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None: ...
    def reaper_status(self) -> ReaperStatus | None: ...
    def reaper_lag(self) -> float: ...
    def close(self) -> None: ...


class Observer:
    """Told of every attempt while the store can still be asked; this one does nothing with it."""

    def succeeded(self, store: ReapableStore, complete: bool) -> None:  # noqa: FBT001 - as Run has it
        """Take in a run that was recorded."""

    def failed(self) -> None:
        """Take in a run that the store failed."""
