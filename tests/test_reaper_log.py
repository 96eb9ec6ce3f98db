"""What the stores remember of the reaper's runs, in memory, in Chai and in PostgreSQL: each run once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from reaper import Pace, Reaper
from wsgi_chaisession import ChaiStore
from wsgi_chaisession.store import ReaperStatus
from wsgi_chaisession.testing import MemoryStore

Stored = ChaiStore | MemoryStore
YEARS = timedelta(days=3650)


@pytest.fixture(params=["memory", "chai", "postgres"])
def store(request: pytest.FixtureRequest) -> Stored:
    names = {"memory": "memory", "chai": "chai_store", "postgres": "pg_store"}
    chosen: Stored = request.getfixturevalue(names[request.param])
    return chosen


def totals(store: Stored) -> tuple[int, int]:
    status = store.reaper_status()
    return (status.runs, status.deleted) if status else (0, 0)


def recorded(store: Stored) -> ReaperStatus:
    status = store.reaper_status()
    assert status is not None
    return status


def now(store: Stored) -> datetime:
    return store.clock() if isinstance(store, MemoryStore) else datetime.now(UTC)


@contextmanager
def host_clock(monkeypatch: pytest.MonkeyPatch, off: timedelta) -> Iterator[None]:
    """The clock of this process is wrong; the database's is not."""

    class Skewed(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + off

    with monkeypatch.context() as patched:
        patched.setattr("wsgi_chaisession.chai.datetime", Skewed)
        yield


def test_runs_of_reapers_with_skewed_clocks_all_count(store: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, deleted = totals(store)
    for off in (YEARS, -YEARS, timedelta(0), YEARS):
        with host_clock(monkeypatch, off):
            store.record_reaper_run(2, 0.1)
    assert totals(store) == (runs + 4, deleted + 8)
    assert abs(recorded(store).finished - now(store)) < timedelta(minutes=1)
    assert 0 <= recorded(store).age < 60


def test_runs_at_the_same_time_all_count(store: Stored) -> None:
    runs, deleted = totals(store)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: store.record_reaper_run(1, 0.1), range(20)))
    assert totals(store) == (runs + 20, deleted + 20)


def test_the_interval_of_the_last_run_is_kept(store: Stored) -> None:
    store.record_reaper_run(1, 0.1, interval=300.0)
    assert recorded(store).interval == 300.0
    store.record_reaper_run(1, 0.1)
    assert recorded(store).interval is None


def test_the_lag_is_the_age_of_the_oldest_expired_session(store: Stored) -> None:
    assert store.reaper_lag() == 0
    store.insert("new", b"x", now(store) + timedelta(hours=1))
    assert store.reaper_lag() == 0
    store.insert("old", b"x", now(store) - timedelta(hours=1))
    store.insert("older", b"x", now(store) - timedelta(hours=2))
    assert 7200 <= store.reaper_lag() < 7260


@pytest.mark.parametrize("kind", ["chai_store", "pg_store"])
def test_an_answer_that_was_lost_counts_no_run_twice(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """The first try lands, its answer is lost, and another reaper records a run before the repeat."""
    store: ChaiStore = request.getfixturevalue(kind)
    runs, deleted = totals(store)
    other = ChaiStore(store._database._target, timeout=20)
    call = store._database.call

    def lossy(work: Callable[[Any], Any], **options: Any) -> Any:
        lost = [True]

        def losing(connection: Any) -> Any:
            result = work(connection)
            if lost.pop() if lost else False:
                other.record_reaper_run(10, 0.1)
                raise psycopg.OperationalError("the answer was lost")
            return result

        return call(losing, **options)

    monkeypatch.setattr(store._database, "call", lossy)
    store.record_reaper_run(1, 0.1)
    monkeypatch.undo()
    other.close()
    assert totals(store) == (runs + 2, deleted + 11)


@pytest.mark.parametrize("off", [YEARS, -YEARS])
@pytest.mark.parametrize("kind", ["chai_store", "pg_store"])
def test_a_reaper_on_a_host_with_a_wrong_clock_deletes_what_has_expired(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, kind: str, off: timedelta
) -> None:
    store: ChaiStore = request.getfixturevalue(kind)
    store.insert("new", b"x", datetime.now(UTC) + timedelta(hours=1))
    store.insert("old", b"x", datetime.now(UTC) - timedelta(seconds=5))
    with host_clock(monkeypatch, off):
        assert Reaper(store, Pace(pause=0)).run_once().deleted == 1
    assert [key for key, _ in store.all()] == ["new"]
