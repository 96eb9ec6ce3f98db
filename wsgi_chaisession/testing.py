"""For the tests of applications: a store in memory, and a clock that moves only when told to.

MemoryStore keeps the whole contract of Store, so a test that passes on it passes
on ChaiStore. It belongs to one process and forgets everything with it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import wraps
from threading import RLock
from typing import Concatenate, ParamSpec, Self, TypeVar

from .errors import StoreUnavailable
from .rows import Clock, utc_now
from .store import ReaperStatus, Record
from .tokens import hash_token


@dataclass
class ManualClock:
    """A clock that moves only when told to."""

    now: datetime = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, by: timedelta) -> None:
        self.now += by


P = ParamSpec("P")
R = TypeVar("R")

_SCRIPTABLE: set[str] = set()


def _scripted(
    method: "Callable[Concatenate[MemoryStore, P], R]",
) -> "Callable[Concatenate[MemoryStore, P], R]":
    """A method of the contract, with what the test scripted to happen around it."""
    name = method.__name__
    _SCRIPTABLE.add(name)

    @wraps(method)
    def run(self: "MemoryStore", /, *args: P.args, **options: P.kwargs) -> R:
        self.step("before", name)
        result = method(self, *args, **options)
        self.step("after", name)
        return result

    return run


@dataclass(frozen=True, slots=True)
class _Entry:
    """One line of the index from principals to sessions."""

    principal: str  # hashed
    expiry: datetime


class MemoryStore:
    """The Store contract over dictionaries.

    :param clock: decides what has expired; default: real time.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or utc_now
        self._lock = RLock()
        self._rows: dict[str, Record] = {}
        self._entries: dict[str, _Entry] = {}  # by the session's key
        self._reaper: ReaperStatus | None = None
        self._script: dict[tuple[str, str], list[Callable[[], None]]] = {}

    # -- what shall happen -----------------------------------------------------

    def before_next(self, method: str, action: Callable[[], None]) -> None:
        """Run *action* when *method* is next called, before it does its work.

        Whatever happens in between happens in *action*: another request to its
        end, a wait for another thread, an exception. Scripts of one method run in
        the order given, one for each call.
        """
        self._schedule("before", method, action)

    def after_next(self, method: str, action: Callable[[], None]) -> None:
        """As before_next, but when the work is done and its answer not yet given."""
        self._schedule("after", method, action)

    def fail_next(self, method: str, *, landed: bool = False, error: Exception | None = None) -> None:
        """Let the next call of *method* fail; *landed*: it did its work, the answer got lost."""
        failure = error or StoreUnavailable(f"{method} fails, as the test wants it")

        def fail() -> None:
            raise failure

        self._schedule("after" if landed else "before", method, fail)

    def _schedule(self, when: str, method: str, action: Callable[[], None]) -> None:
        if method not in _SCRIPTABLE:
            raise ValueError(f"{method!r} is not one of {', '.join(sorted(_SCRIPTABLE))}")
        with self._lock:
            self._script.setdefault((when, method), []).append(action)

    def step(self, when: str, method: str) -> None:
        """Every call passes here before and after its work; a subclass may count or act too."""
        with self._lock:
            waiting = self._script.get((when, method))
            action = waiting.pop(0) if waiting else None
        if action is not None:  # without the lock: it may use this store
            action()

    # -- the contract ----------------------------------------------------------

    def with_timeout(self, seconds: float) -> Self:  # noqa: ARG002 - memory never waits
        return self

    @_scripted
    def find(self, key: str) -> Record | None:
        with self._lock:
            return self._active(key)

    @_scripted
    def insert(
        self,
        key: str,
        data: bytes,
        expiry: datetime,
        *,
        principal: str | None = None,
        ending: Mapping[str, bytes] | None = None,
    ) -> bool:
        with self._lock:
            if key in self._rows or not self._all_hold(ending, beside=key):
                return False
            self._put(key, Record(data, expiry), principal, ending)
            return True

    @_scripted
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
        with self._lock:
            if not self._holds(key, old_data) or not self._all_hold(ending, beside=key):
                return False
            self._put(key, Record(data, expiry), principal, ending)
            return True

    @_scripted
    def touch(self, key: str, expiry: datetime, *, principal: str | None = None) -> bool:
        with self._lock:
            record = self._active(key)
            if record is None:
                return False
            if expiry > record.expiry:
                self._put(key, replace(record, expiry=expiry), principal)
            return True

    @_scripted
    def commit(self, key: str, data: bytes, expiry: datetime) -> None:
        with self._lock:
            self._put(key, Record(data, expiry), None)

    @_scripted
    def delete(self, key: str, *, data: bytes | None = None) -> bool:
        with self._lock:
            return (data is None or self._holds(key, data)) and self._drop(key)

    @_scripted
    def all(self, page: int = 1000) -> Iterator[tuple[str, Record]]:  # noqa: ARG002 - memory needs no pages
        with self._lock:
            return iter([(key, self._rows[key]) for key in sorted(self._rows) if self._active(key)])

    @_scripted
    def find_principal(self, principal: str) -> list[str]:
        with self._lock:
            return self._owned(principal)

    @_scripted
    def delete_principal(self, principal: str, except_key: str | None = None) -> int:
        with self._lock:
            keys = [key for key in self._owned(principal) if key != except_key]
            return sum(self._drop(key) for key in keys)

    @_scripted
    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        with self._lock:
            moment = now or self.clock()
            self._entries = {key: entry for key, entry in self._entries.items() if entry.expiry > moment}
            rows = sorted(self._rows.items(), key=lambda row: row[1].expiry)
            expired = [key for key, record in rows if record.expiry <= moment][:limit]
            for key in expired:
                del self._rows[key]
            return len(expired)

    @_scripted
    def count(self) -> int:
        with self._lock:
            return sum(1 for key in self._rows if self._active(key))

    @_scripted
    def count_expired(self) -> int:
        with self._lock:
            return sum(1 for key in self._rows if not self._active(key))

    def create_schema(self) -> None:
        """Nothing to create."""

    def close(self) -> None:
        """Nothing to free."""

    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None:
        with self._lock:
            last = self._reaper
            runs, total = (last.runs, last.deleted) if last else (0, 0)
            self._reaper = ReaperStatus(
                self.clock(), runs + 1, total + deleted, deleted, seconds, interval=interval
            )

    def reaper_status(self) -> ReaperStatus | None:
        with self._lock:
            last = self._reaper
            return last and replace(last, age=(self.clock() - last.finished).total_seconds())

    def reaper_lag(self) -> float:
        with self._lock:
            now = self.clock()
            ages = [(now - record.expiry).total_seconds() for record in self._rows.values()]
            return max([0.0, *ages])

    def _active(self, key: str) -> Record | None:
        record = self._rows.get(key)
        return record if record and record.expiry > self.clock() else None

    def _holds(self, key: str, data: bytes) -> bool:
        record = self._active(key)
        return record is not None and record.data == data

    def _all_hold(self, ending: Mapping[str, bytes] | None, *, beside: str) -> bool:
        return all(key != beside and self._holds(key, data) for key, data in (ending or {}).items())

    def _owned(self, principal: str) -> list[str]:
        hashed, now = hash_token(principal), self.clock()
        entries = self._entries.items()
        return sorted(key for key, entry in entries if entry.principal == hashed and entry.expiry > now)

    def _drop(self, key: str) -> bool:
        self._entries.pop(key, None)
        return self._rows.pop(key, None) is not None

    def _put(
        self, key: str, record: Record, principal: str | None, ending: Mapping[str, bytes] | None = None
    ) -> None:
        if record.expiry.tzinfo is None:
            raise ValueError(f"a store's times are aware, and {record.expiry} has no time zone")
        for other in ending or {}:
            self._drop(other)
        expiry = record.expiry.astimezone(UTC)
        self._rows[key] = replace(record, expiry=expiry)
        if principal:
            self._entries[key] = _Entry(hash_token(principal), expiry)
        elif principal == "":
            self._entries.pop(key, None)
