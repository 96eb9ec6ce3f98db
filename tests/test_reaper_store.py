"""The reaper over a store in memory: what it deletes and what it must leave alone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from unittest.mock import ANY

import pytest

from reaper import Pace, Reaper
from wsgi_chaisession.store import ReaperStatus
from wsgi_chaisession.testing import ManualClock, MemoryStore

HOUR = timedelta(hours=1)


class Store(MemoryStore):
    """Calls ``between`` before each batch: what other processes do meanwhile."""

    between: Callable[[], object]

    def __init__(self) -> None:
        self.time = ManualClock()
        super().__init__(self.time)
        self.between = lambda: None

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        self.between()
        return super().delete_expired(limit, now)

    def keys(self) -> set[str]:
        return set(self._rows)


@pytest.fixture
def store() -> Store:
    store = Store()
    for number in range(20):
        store.insert(f"old{number:02}", b"old", store.clock() + HOUR)
        store.insert(f"new{number:02}", b"new", store.clock() + 3 * HOUR)
    store.time.advance(2 * HOUR)
    return store


def reap(store: Store) -> int:
    return Reaper(store, Pace(pause=0, batch_rows=5)).run_once().deleted


def test_cleanup_deletes_what_has_expired_and_nothing_else(store: Store) -> None:
    assert reap(store) == 20
    assert store.keys() == {f"new{number:02}" for number in range(20)}
    assert store.reaper_status() == ReaperStatus(store.clock(), 1, 20, 20, ANY)


def test_a_second_run_finds_nothing(store: Store) -> None:
    reap(store)
    assert reap(store) == 0
    assert store.reaper_status() == ReaperStatus(store.clock(), 2, 20, 0, ANY)


def test_a_session_extended_meanwhile_survives(store: Store) -> None:
    """Expiry is judged at the moment of deletion, not when the run begins."""
    store.between = lambda: store.commit("old19", b"came back", store.clock() + HOUR)
    assert reap(store) == 19
    record = store.find("old19")
    assert record is not None
    assert record.data == b"came back"


def test_a_session_that_expires_during_the_run_may_go_as_well(store: Store) -> None:
    store.between = lambda: store.time.advance(timedelta(minutes=30))
    assert reap(store) == 40
    assert store.keys() == set()


def test_another_reaper_at_the_same_time_is_harmless(store: Store) -> None:
    """Both delete, nothing is counted twice, and both end."""
    other = Reaper(store, Pace(pause=0, batch_rows=5))
    counted: list[int] = []

    def meanwhile() -> None:
        store.between = lambda: None
        counted.append(other.run_once().deleted)

    store.between = meanwhile
    counted.append(reap(store))
    assert sum(counted) == 20
    assert store.count() == 20
