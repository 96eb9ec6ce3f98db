"""The reaper's loop: delete what has expired, in bounded batches, and report.

Clock, stop request and store are arguments, so that the loop can be driven through a day in a test. Nothing
here knows about signals, arguments or exit codes; that is `reaper.cli`.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from reaper.pacing import Backoff, BatchSize
from reaper.stop import Stop, StopRequest
from reaper.supervise import Supervisor
from wsgi_chaisession.errors import SessionError

log = logging.getLogger("reaper")

FIRST_RETRY = 1.0  # seconds after the first failure
LONGEST_RETRY = 60.0  # seconds; never longer than the interval either


class ReapableStore(Protocol):
    """The part of `wsgi_chaisession.Store` that the reaper uses."""

    def delete_expired(self, limit: int, now: datetime | None = None) -> int: ...
    def record_reaper_run(self, deleted: int, seconds: float) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did."""

    deleted: int
    batches: int
    seconds: float
    complete: bool  # False: the time budget or a stop request ended it, more may be waiting

    def __str__(self) -> str:
        sessions = _plural(self.deleted, "expired session", "expired sessions")
        text = f"deleted {sessions} in {_plural(self.batches, 'batch', 'batches')}, {self.seconds:.3f} s"
        return text if self.complete else f"{text}; more may be waiting"


class Reaper:
    """Deletes expired sessions from ``store``, once or every ``interval`` seconds.

    ``stop()`` may come from a signal handler or another thread, before, during or after a run: the batch
    under way is finished, nothing new is begun, and calling it when nothing runs is harmless.
    """

    def __init__(
        self,
        store: ReapableStore,
        *,
        interval: float = 300.0,  # seconds from the end of a run to the next
        batch_rows: int = 100,  # most rows in one batch
        max_hold: float = 0.010,  # seconds that one batch may keep the database's writer busy
        pause: float = 0.050,  # seconds between batches
        time_budget: float = 60.0,  # seconds for one run; the rest waits for the next
        clock: Callable[[], float] = time.monotonic,
        before_run: Callable[[], None] = lambda: None,  # raises SessionError where a run makes no sense
        stop: StopRequest | None = None,
        supervisor: Supervisor | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        _check(interval=interval, batch_rows=batch_rows, max_hold=max_hold, time_budget=time_budget)
        if pause < 0:
            raise ValueError(f"pause is {pause}: it must not be negative")
        self._store = store
        self._interval = interval
        self._batch_rows = batch_rows
        self._max_hold = max_hold
        self._pause = pause
        self._time_budget = time_budget
        self._clock = clock
        self._before_run = before_run
        self._stop = Stop() if stop is None else stop
        self._supervisor = Supervisor({}) if supervisor is None else supervisor
        self._backoff = backoff or Backoff(first=FIRST_RETRY, most=min(interval, LONGEST_RETRY))

    def stop(self) -> None:
        """Ask for an end after the batch under way."""
        self._stop.set()

    def run_once(self) -> Run:
        """Delete what has expired, record the run in the store, and let go of the store's connections.

        Connections are closed so that a server that was started on demand may leave between runs.
        """
        self._before_run()
        try:
            run = self._reap()
            self._store.record_reaper_run(run.deleted, run.seconds)
        finally:
            self._store.close()
        return run

    def run(self) -> None:
        """Run until stopped; a store that fails is tried again, with growing pauses, without end."""
        self._supervisor.ready("starting the first run")
        while not self._stop.is_set():
            self._wait(self._attempt())
        self._supervisor.stopping()

    def _attempt(self) -> float:
        """Run once; return the seconds to wait before the next time."""
        try:
            run = self.run_once()
        except SessionError as error:
            delay = self._backoff.failed()
            reason = " ".join(str(error).split())  # drivers quote several lines, a log has one
            log.warning("the store failed: %s; next try in %.1f s", reason, delay)
            self._supervisor.status(f"the store failed, next try in {delay:.1f} s: {reason}")
            return delay
        self._backoff.succeeded()
        log.info("%s", run)
        self._supervisor.status(f"last run {run}")
        return self._interval

    def _reap(self) -> Run:
        size = BatchSize(most=self._batch_rows, max_hold=self._max_hold)
        began = self._clock()
        deleted = batches = 0
        complete = False
        while not complete and not self._stop.is_set():
            limit = size.rows
            rows = self._batch(limit, size)
            deleted += rows
            batches += 1
            complete = rows < limit
            if self._clock() - began >= self._time_budget:
                break
            if not complete:
                self._wait(self._pause)
        return Run(deleted, batches, self._clock() - began, complete)

    def _batch(self, limit: int, size: BatchSize) -> int:
        began = self._clock()
        rows = self._store.delete_expired(limit)
        seconds = self._clock() - began
        log.debug("batch of at most %d: deleted %d in %.4f s", limit, rows, seconds)
        size.learn(seconds)
        return rows

    def _wait(self, seconds: float) -> None:
        """Wait, stop early when asked to, and give the watchdog its signs of life meanwhile."""
        watchdog = self._supervisor.watchdog
        longest = seconds if watchdog is None else watchdog / 2
        until = self._clock() + seconds
        while not self._stop.is_set():
            self._supervisor.heartbeat()
            left = until - self._clock()
            if left <= 0:
                break
            self._stop.wait(min(left, longest))


def _check(**positive: float) -> None:
    for name, value in positive.items():
        if value <= 0:
            raise ValueError(f"{name} is {value}: it must be more than 0")


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
