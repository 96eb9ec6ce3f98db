"""The reaper's loop under a clock that the test moves: batches, pace, stop, backoff, reports."""

import errno
import gc
import logging
import tracemalloc
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from psycopg.errors import QueryCanceled

from reaper.loop import USUAL, Reaper
from reaper.observers import Observer, Observers
from reaper.pacing import Backoff, BatchSize, Pace
from reaper.store import ReapableStore
from reaper.supervise import Supervisor
from wsgi_chaisession.errors import StoreError, StoreUnavailable
from wsgi_chaisession.store import ReaperStatus

T = TypeVar("T")


class Clock:
    """Seconds that pass only when somebody waits or works."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class StopAt:
    """A stop request whose waiting moves the clock; it comes by itself at the second ``at``."""

    def __init__(self, clock: Clock, at: float = float("inf")) -> None:
        self.clock = clock
        self.at = at
        self.waits: list[float] = []

    def set(self) -> None:
        self.at = self.clock.now

    def is_set(self) -> bool:
        return self.clock.now >= self.at

    def wait(self, timeout: float) -> None:
        self.waits.append(timeout)
        self.clock.now += timeout


class Backlog:
    """A store with so many expired rows; a batch costs a fixed time and a time for each row."""

    def __init__(self, clock: Clock, expired: int, *, fixed: float = 0.002, per_row: float = 0.00008) -> None:
        self.clock = clock
        self.expired = expired
        self.fixed = fixed
        self.per_row = per_row
        self.limits: list[int] = []
        self.runs: list[tuple[int, float]] = []
        self.closed = 0
        self.failures = 0

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        self.limits.append(limit)
        if self.failures:
            self.failures -= 1
            raise StoreUnavailable("nobody listens at /db")
        rows = min(limit, self.expired)
        self.expired -= rows
        self.clock.now += self.fixed + rows * self.per_row
        return rows

    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None:
        self.runs.append((deleted, round(seconds, 6)))

    def count_expired(self) -> int:
        return self.expired

    def reaper_status(self) -> ReaperStatus | None:
        return None

    def reaper_lag(self) -> float:
        return 0.0

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


def make(
    store: Backlog, *, at: float = float("inf"), pace: Pace = USUAL, **options: Any
) -> tuple[Reaper, StopAt]:
    stop = StopAt(store.clock, at)
    return Reaper(store, pace, clock=store.clock, stop=stop, **options), stop


def test_everything_expired_goes_in_bounded_batches(clock: Clock) -> None:
    store = Backlog(clock, 1000)
    reaper, _ = make(store, pace=Pace(batch_rows=40))
    run = reaper.run_once()
    assert (run.deleted, run.complete, store.expired) == (1000, True, 0)
    assert store.limits[:7] == [1, 2, 4, 8, 16, 32, 40]
    assert max(store.limits) == 40
    assert run.batches == len(store.limits)


def test_nothing_expired_costs_one_batch_and_no_pause(clock: Clock) -> None:
    store = Backlog(clock, 0)
    reaper, stop = make(store)
    run = reaper.run_once()
    assert (run.deleted, run.batches, run.complete) == (0, 1, True)
    assert stop.waits == []
    assert str(run) == "deleted 0 expired sessions in 1 batch, 0.002 s"


def test_batches_pause_in_between(clock: Clock) -> None:
    store = Backlog(clock, 10)
    reaper, stop = make(store, pace=Pace(pause=0.5))
    run = reaper.run_once()
    assert stop.waits == [0.5] * (run.batches - 1)


class Impatient(Backlog):
    """A database that lets no statement take more than so many rows' time."""

    def __init__(self, clock: Clock, expired: int, *, most: int) -> None:
        super().__init__(clock, expired)
        self._most = most

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        if limit > self._most:
            self.limits.append(limit)
            raise StoreError("canceling statement due to statement timeout") from QueryCanceled()
        return super().delete_expired(limit, now)


def test_batches_shrink_to_what_the_database_lets_a_statement_take(clock: Clock) -> None:
    store = Impatient(clock, 100, most=20)
    reaper, _ = make(store)
    run = reaper.run_once()
    assert store.limits[:8] == [1, 2, 4, 8, 16, 32, 16, 16]
    assert (run.deleted, run.complete, store.limits.count(32)) == (100, True, 1)


def test_where_one_row_takes_too_long_the_store_has_failed(clock: Clock) -> None:
    reaper, _ = make(Impatient(clock, 100, most=0))
    with pytest.raises(StoreError, match="canceling statement"):
        reaper.run_once()


@pytest.mark.parametrize("per_row", [0.0005, 0.001, 0.005])
def test_batches_shrink_to_the_longest_hold(clock: Clock, per_row: float) -> None:
    store = Backlog(clock, 3000, per_row=per_row)
    reaper, _ = make(store, pace=Pace(max_hold=0.010))
    reaper.run_once()
    settled = store.limits[20:-1]
    assert max(settled) * per_row <= 2 * 0.010
    assert min(settled) * per_row >= 0.010 / 4


def test_a_slow_disk_does_not_shrink_batches(clock: Clock) -> None:
    store = Backlog(clock, 1000, fixed=0.200)
    reaper, _ = make(store, pace=Pace(max_hold=0.010))
    reaper.run_once()
    assert max(store.limits) >= 64


def test_a_disk_that_turns_slow_does_not_hold_batches_at_one_row() -> None:
    size = BatchSize(most=100, max_hold=0.010)
    for _ in range(10):
        size.learn(0.001)
    assert size.rows == 100
    for _ in range(10):
        size.learn(0.300)
    assert size.rows > 1


def test_the_time_budget_ends_a_run_and_says_so(clock: Clock) -> None:
    store = Backlog(clock, 100_000)
    reaper, _ = make(store, pace=Pace(time_budget=1.0, pause=0.05))
    run = reaper.run_once()
    assert not run.complete
    assert 1.0 <= run.seconds < 1.1
    assert str(run).endswith("more may be waiting")
    assert store.expired == 100_000 - run.deleted
    assert store.runs == [(run.deleted, round(run.seconds, 6))]


def test_a_stop_in_the_middle_finishes_the_batch_and_begins_no_other(clock: Clock) -> None:
    store = Backlog(clock, 100_000)
    reaper, _ = make(store, at=clock.now + 0.5)
    run = reaper.run_once()
    assert not run.complete
    assert 0.5 <= run.seconds < 0.6
    assert store.runs == [(run.deleted, round(run.seconds, 6))]
    assert store.closed == 1


def test_a_stop_before_the_start_is_not_lost(clock: Clock) -> None:
    store = Backlog(clock, 5)
    reaper, stop = make(store)
    reaper.stop()
    reaper.run()
    assert store.limits == []
    assert stop.waits == []


def test_stopping_when_nothing_runs_is_harmless(clock: Clock) -> None:
    reaper, _ = make(Backlog(clock, 0))
    reaper.stop()
    reaper.stop()
    assert reaper.run_once().batches == 0


def test_runs_repeat_after_the_interval(clock: Clock) -> None:
    store = Backlog(clock, 0)
    reaper, _ = make(store, pace=Pace(interval=300.0), at=clock.now + 1000.0)
    reaper.run()
    assert len(store.runs) == 4
    assert store.closed == 4


def test_a_store_that_is_down_is_tried_again_with_growing_pauses(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    store = Backlog(clock, 7)
    store.failures = 5
    backoff = Backoff(first=1.0, jitter=lambda: 0.0)
    reaper, stop = make(store, pace=Pace(interval=300.0), at=clock.now + 60.0, backoff=backoff)
    with caplog.at_level(logging.INFO, "reaper"):
        reaper.run()
    assert stop.waits[:5] == pytest.approx([1.0, 2.0, 4.0, 8.0, 16.0])
    assert store.expired == 0
    assert store.closed == 6
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warnings) == 5
    assert "nobody listens at /db; next try in 1.0 s" in warnings[0].message


def test_a_hopeless_error_at_the_start_is_not_tried_again(clock: Clock) -> None:
    store = Backlog(clock, 7)
    store.failures = 1
    reaper, _ = make(store, hopeless=lambda _: True)
    with pytest.raises(StoreUnavailable):
        reaper.run()
    assert len(store.limits) == 1


def test_after_a_success_nothing_is_hopeless(clock: Clock) -> None:
    """Somebody is at work, say, and puts a new server in the place of the old one."""
    store = Backlog(clock, 0)

    def fail_but_the_first_time() -> None:
        store.failures = len(store.runs)

    reaper, _ = make(
        store, at=clock.now + 1000.0, before_run=fail_but_the_first_time, hopeless=lambda _: True
    )
    reaper.run()
    assert len(store.runs) == 1
    assert len(store.limits) > 5


def test_an_error_of_the_program_itself_is_not_retried(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Backlog(clock, 7)
    reaper, _ = make(store)
    monkeypatch.setattr(store, "record_reaper_run", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        reaper.run()
    assert store.closed == 1


def test_backoff_grows_to_its_limit_and_begins_again_after_a_success() -> None:
    backoff = Backoff(first=1.0, jitter=lambda: 0.0)
    assert [backoff.failed(10.0) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert backoff.failed(100.0) == 64.0
    backoff.succeeded()
    assert backoff.failed(10.0) == 1.0


def test_backoff_is_shortened_at_random_by_half_at_most() -> None:
    waits = [Backoff(first=8.0).failed(60.0) for _ in range(200)]
    assert 4.0 <= min(waits) < max(waits) <= 8.0


@pytest.mark.parametrize(("interval", "longest"), [(4.0, 4.0), (40.0, 40.0), (400.0, 60.0)])
def test_the_longest_pause_goes_by_the_interval_that_was_read_last(
    clock: Clock, interval: float, longest: float
) -> None:
    store = Backlog(clock, 7)
    store.failures = 100
    paces = [None, Pace(interval=interval)]  # the second time that somebody waits
    reaper, stop = make(
        store,
        pace=Pace(interval=10.0),
        at=clock.now + 600.0,
        backoff=Backoff(first=8.0, jitter=lambda: 0.0),
        reload=lambda: paces.pop(0) if paces else None,
    )
    reaper.run()
    assert max(stop.waits[2:]) == longest


def test_each_run_logs_one_line(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    store = Backlog(clock, 3)
    reaper, _ = make(store, at=clock.now + 1.0)
    with caplog.at_level(logging.INFO, "reaper"):
        reaper.run()
    assert [record.message for record in caplog.records] == [
        "deleted 3 expired sessions in 3 batches, 0.106 s"
    ]


class Reports(Supervisor):
    """Keeps what would be sent to the service manager, with the time."""

    def __init__(self, clock: Clock, watchdog: float | None) -> None:
        super().__init__({})
        self.clock = clock
        self.watchdog = watchdog
        self.sent: list[tuple[float, str]] = []

    def _send(self, *lines: str) -> None:
        self.sent += [(self.clock.now, line) for line in lines]


def test_the_watchdog_gets_its_signs_of_life_between_runs(clock: Clock) -> None:
    store = Backlog(clock, 0)
    supervisor = Reports(clock, watchdog=20.0)
    told = Observers(supervisor=supervisor)
    reaper, _ = make(store, pace=Pace(interval=300.0), at=clock.now + 900.0, observers=told)
    reaper.run()
    beats = [at for at, line in supervisor.sent if line == "WATCHDOG=1"]
    assert max(later - earlier for earlier, later in pairwise(beats)) <= 10.0
    assert beats[-1] - beats[0] > 850


def test_the_supervisor_learns_readiness_failure_recovery_and_end(clock: Clock) -> None:
    store = Backlog(clock, 2)
    store.failures = 1
    supervisor = Reports(clock, watchdog=None)
    reaper, _ = make(store, at=clock.now + 10.0, observers=Observers(supervisor=supervisor))
    reaper.run()
    lines = [line for _, line in supervisor.sent]
    assert lines[0] == "READY=1"
    assert any(line.startswith("STATUS=the store failed, next try in") for line in lines)
    assert any(line.startswith("STATUS=last run deleted 2 expired sessions") for line in lines)
    assert lines[-2:] == ["STOPPING=1", "STATUS=stopping"]


class Slow(Backlog):
    """A store each of whose calls takes a minute, whether it answers or fails."""

    def __init__(self, clock: Clock, supervisor: Reports, **backlog: Any) -> None:
        super().__init__(clock, 0, fixed=0.0, **backlog)
        self._supervisor = supervisor

    def reaper_lag(self) -> float:
        return self._slowly(super().reaper_lag)

    def reaper_status(self) -> ReaperStatus | None:
        return self._slowly(super().reaper_status)

    def count_expired(self) -> int:
        return self._slowly(super().count_expired)

    def record_reaper_run(self, deleted: int, seconds: float, *, interval: float | None = None) -> None:
        self._slowly(lambda: super(Slow, self).record_reaper_run(deleted, seconds, interval=interval))

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        return self._slowly(lambda: super(Slow, self).delete_expired(limit, now))

    def _slowly(self, call: Callable[[], T]) -> T:
        before = len(self._supervisor.sent)
        self.clock.now += 60.0
        assert len(self._supervisor.sent) == before, "a call that hangs gives no sign of life"
        return call()


class Reading(Observer):
    """Asks for all that a report may tell."""

    def progress(self, store: ReapableStore, _deleted: int) -> None:
        store.count_expired()

    def succeeded(self, store: ReapableStore, complete: bool) -> None:
        store.reaper_status(), store.reaper_lag()


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("failures", [0, 3])
def test_every_call_to_the_store_ends_with_a_sign_of_life(clock: Clock, failures: int, dry_run: bool) -> None:
    supervisor = Reports(clock, watchdog=61.0)
    store = Slow(clock, supervisor)
    store.failures = failures
    reading = Reading()
    told = Observers(supervisor=supervisor, metrics=reading, progress=reading.progress)
    reaper, _ = make(store, at=clock.now + 3600.0, observers=told, dry_run=dry_run)
    reaper.run()
    beats = [at for at, line in supervisor.sent if line == "WATCHDOG=1"]
    assert max(later - earlier for earlier, later in pairwise(beats)) < 60.1
    assert beats[-1] - beats[0] > 3000


class Unreadable(Observer):
    def succeeded(self, store: ReapableStore, complete: bool) -> None:
        raise StoreUnavailable("nobody listens at /db")

    def failed(self) -> None:
        raise AssertionError("the run was recorded")


def test_numbers_that_cannot_be_read_fail_no_run(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    store = Backlog(clock, 3)
    reaper, stop = make(store, at=clock.now + 1.0, observers=Observers(metrics=Unreadable()))
    with caplog.at_level(logging.INFO, "reaper"):
        reaper.run()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert "the run was recorded" in caplog.messages[0]
    assert "nobody listens at /db" in caplog.messages[0]
    assert caplog.messages[1] == "deleted 3 expired sessions in 3 batches, 0.106 s"
    assert stop.waits[-1] == 300.0, "the next run comes after the interval, not after a failure's pause"


def test_a_report_that_cannot_be_written_ends_nothing(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    def full(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Backlog(clock, 3)
    reaper, _ = make(store, at=clock.now + 900.0, observers=Observers(report=full))
    reaper.run()
    assert len(store.runs) == 3
    assert caplog.messages[0].startswith("deleted 3 expired sessions in 3 batches, 0.106 s")
    assert caplog.messages[0].endswith("; that could not be printed: No space left on device")


@pytest.mark.parametrize(
    "options", [{"interval": 0}, {"batch_rows": 0}, {"max_hold": -1}, {"time_budget": 0}, {"pause": -0.1}]
)
def test_impossible_options_are_refused_with_their_value(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        Pace(**options)


def test_runs_leave_no_memory_behind(clock: Clock) -> None:
    store = Backlog(clock, expired=0)
    reaper, stop = make(store)

    def runs(count: int) -> int:
        for _ in range(count):
            store.expired = 5
            reaper.run_once()
            store.limits.clear()
            store.runs.clear()
            stop.waits.clear()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        grown = -runs(50) + runs(400)
    finally:
        tracemalloc.stop()
    assert grown < 8 * 400, "bytes: whatever a run keeps is more"
