"""For the tests of applications: a store in memory, on a clock that stands still.

MemoryStore keeps the whole contract of Store, so a test that passes on it passes
on ChaiStore. It belongs to one process and forgets everything with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Self

from .store import ReaperStatus, Record
from .tokens import hash_text


@dataclass
class Clock:
    """A clock that moves only when told to."""

    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


class MemoryStore:
    """The Store contract over dictionaries; *clock* decides what has expired."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self._lock = RLock()
        self._rows: dict[str, Record] = {}
        self._principals: dict[str, str] = {}  # key → hashed principal
        self._reaper: ReaperStatus | None = None

    def with_timeout(self, seconds: float) -> Self:  # noqa: ARG002 - memory never waits
        return self

    def find(self, key: str) -> Record | None:
        with self._lock:
            record = self._rows.get(key)
            return record if record and record.expiry > self.clock() else None

    def insert(self, key: str, data: bytes, expiry: datetime, *, principal: str | None = None) -> bool:
        with self._lock:
            if key in self._rows:
                return False
            self._put(key, Record(data, expiry), principal)
            return True

    def replace(
        self,
        key: str,
        old_data: bytes,
        data: bytes,
        expiry: datetime,
        *,
        principal: str | None = None,
    ) -> bool:
        with self._lock:
            record = self.find(key)
            if record is None or record.data != old_data:
                return False
            self._put(key, Record(data, expiry), principal)
            return True

    def touch(self, key: str, expiry: datetime, *, principal: str | None = None) -> bool:
        with self._lock:
            record = self.find(key)
            if record is None:
                return False
            later = max(record.expiry, expiry)
            self._put(key, replace(record, expiry=later), principal)
            return True

    def commit(self, key: str, data: bytes, expiry: datetime) -> None:
        with self._lock:
            self._put(key, Record(data, expiry), None)

    def delete(self, key: str) -> bool:
        with self._lock:
            self._principals.pop(key, None)
            return self._rows.pop(key, None) is not None

    def all(self, page: int = 1000) -> Iterator[tuple[str, Record]]:  # noqa: ARG002 - as above
        with self._lock:
            keys = sorted(self._rows)
        for key in keys:
            record = self.find(key)
            if record is not None:
                yield key, record

    def find_principal(self, principal: str) -> list[str]:
        hashed = hash_text(principal)
        with self._lock:
            owned = [key for key, owner in self._principals.items() if owner == hashed]
            return sorted(key for key in owned if self.find(key))

    def delete_principal(self, principal: str, except_key: str | None = None) -> int:
        with self._lock:
            keys = [key for key in self.find_principal(principal) if key != except_key]
            return sum(self.delete(key) for key in keys)

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        with self._lock:
            moment = now or self.clock()
            rows = sorted(self._rows.items(), key=lambda row: row[1].expiry)
            expired = [key for key, record in rows if record.expiry < moment][:limit]
            return sum(self.delete(key) for key in expired)

    def count(self) -> int:
        with self._lock:
            return sum(record.expiry > self.clock() for record in self._rows.values())

    def count_expired(self) -> int:
        with self._lock:
            return len(self._rows) - self.count()

    def create_schema(self) -> None:
        """Nothing to create."""

    def close(self) -> None:
        """Nothing to free."""

    def record_reaper_run(self, deleted: int, seconds: float) -> None:
        with self._lock:
            last = self._reaper
            runs, total = (last.runs, last.deleted) if last else (0, 0)
            self._reaper = ReaperStatus(self.clock(), runs + 1, total + deleted, deleted, seconds)

    def reaper_status(self) -> ReaperStatus | None:
        return self._reaper

    def _put(self, key: str, record: Record, principal: str | None) -> None:
        self._rows[key] = replace(record, expiry=record.expiry.astimezone(UTC))
        if principal:
            self._principals[key] = hash_text(principal)
        elif principal == "":
            self._principals.pop(key, None)
