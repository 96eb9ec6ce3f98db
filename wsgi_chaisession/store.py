"""What a session store must do. The docstrings are the contract; tests run it.

Keys are hashed tokens and opaque to the store. Times are aware, in UTC, with
microseconds. Absence is a value; an exception (StoreError or StoreUnavailable)
means that the store itself failed. Every call may be repeated after a failure. A
session is active while its expiry lies ahead; from that moment on it is expired, and
but for ``delete`` and ``delete_expired`` as good as gone.

``principal`` is the application's name of a user. A store keeps only its hash,
in an index from principal to keys, written in the same transaction as the
session:

* None leaves the index as it is (and must cost nothing),
* "" removes this key's entry,
* anything else enters the key under that principal with the session's expiry.

An entry ends with that expiry of its own: whoever moves a session's expiry names its
principal again.

``ending`` names other sessions that end with a write, each by its key and the data that
it must hold. Unless all of them are active and hold it, and the write itself is not
refused, nothing at all is written. A session does not end with its own write.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Record:
    """One stored session."""

    data: bytes
    """What the codec made of the session."""
    expiry: datetime
    """When it ends (aware, UTC, microseconds)."""


@dataclass(frozen=True, slots=True)
class ReaperStatus:
    """What the reaper has done so far, for health checks and people."""

    finished: datetime
    """The end of the last run (aware, UTC)."""
    runs: int
    """How many runs there were."""
    deleted: int
    """How many sessions all of them deleted."""
    last_deleted: int
    """How many the last one deleted."""
    seconds: float
    """That the last one took."""
    interval: float | None = None
    """Seconds from the last run to the next, where its reaper keeps running."""
    age: float = 0.0
    """Seconds since the last run, by the store's clock."""


class Store(Protocol):
    """The contract between the middleware, the reaper, the CLI and a database."""

    def with_timeout(self, seconds: float) -> Self:
        """The same store, its calls each ending within *seconds* (no I/O here)."""
        ...

    def find(self, key: str) -> Record | None:
        """The record, or None when it is missing or expired by the store's clock."""
        ...

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
        ...

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
        """Compare-and-swap; False when the key is gone, expired or holds other data.

        False, too, when *ending* does not hold.
        """
        ...

    def touch(self, key: str, expiry: datetime, *, principal: str | None = None) -> bool:
        """Move the expiry forward, never back, data untouched; False when gone."""
        ...

    def commit(self, key: str, data: bytes, expiry: datetime) -> None:
        """Insert or overwrite, unconditionally. For migrations; requests never use it."""
        ...

    def delete(self, key: str, *, data: bytes | None = None) -> bool:
        """Remove the session and its index entry; False when there was none.

        With *data*, only an active session that holds it. After an answer that got lost, the
        repeat says True for a session that is gone, whoever removed it.
        """
        ...

    def all(self, page: int = 1000) -> Iterator[tuple[str, Record]]:
        """Every active session, read *page* rows at a time; deleting meanwhile is fine.

        A session that is deleted or changed while its page is being gone through may still be
        met as it was.
        """
        ...

    def find_principal(self, principal: str) -> list[str]:
        """The keys of this principal's active sessions."""
        ...

    def delete_principal(self, principal: str, except_key: str | None = None) -> int:
        """Remove this principal's sessions, but for *except_key*; how many went.

        Also those that are renewed meanwhile: no session that was active when the call
        began goes on under another key.
        """
        ...

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        """Remove at most *limit* sessions that have expired by *now*, oldest first.

        Without *now* the store's own clock judges. Returns how many went; fewer
        than *limit* means that none are left.
        """
        ...

    def count(self) -> int:
        """How many sessions are active."""
        ...

    def count_expired(self) -> int:
        """How many sessions have expired and wait for the reaper."""
        ...

    def create_schema(self) -> None:
        """Create what is missing; harmless when all is there."""
        ...

    def close(self) -> None:
        """Free connections. The store may be used again; it reconnects by itself."""
        ...


class ReaperLog(Protocol):
    """A store that remembers the reaper's runs beside the sessions; optional."""

    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None:
        """Add one finished run to the totals, once, whatever the clocks of several reapers say."""
        ...

    def reaper_status(self) -> ReaperStatus | None:
        """The totals, or None before the first run."""
        ...

    def reaper_lag(self) -> float:
        """How many seconds ago the oldest session that is still there expired; 0 when none has."""
        ...
