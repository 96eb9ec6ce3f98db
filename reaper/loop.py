"""The reaper's loop: delete what has expired, in bounded batches, and report.

Clock, stop request and store are arguments, so that the loop can be driven through a day in a test. Nothing
here knows about signals, arguments or exit codes; that is `reaper.cli`.
"""

import logging
import time
from collections.abc import Callable

from reaper.observers import Observers
from reaper.outcome import Count, Run
from reaper.pacing import Backoff, BatchSize, Pace
from reaper.stop import Stop, StopRequest
from reaper.store import ReapableStore, Watched, took_too_long
from wsgi_chaisession.errors import SessionError, StoreUnavailable

log = logging.getLogger("reaper")

FIRST_RETRY = 1.0  # seconds after the first failure
LONGEST_RETRY = 60.0  # seconds; never longer than the interval either
USUAL, NOBODY = Pace(), Observers()


class Reaper:
    """Deletes expired sessions from ``store``, once or every ``pace.interval`` seconds.

    ``stop()`` may come from a signal handler or another thread, before, during or after a run: the batch
    under way is finished, nothing new is begun, and calling it when nothing runs is harmless.

    :param observers: told what happens; see `reaper.observers.Observers`.
    :param before_run: raises SessionError where a run makes no sense now.
    :param hopeless: says whether an error before the first success will not pass by itself.
    :param reload: returns a new pace when one was asked for; asked in every wait.
    """

    def __init__(
        self,
        store: ReapableStore,
        pace: Pace = USUAL,
        *,
        observers: Observers = NOBODY,
        before_run: Callable[[], None] = lambda: None,
        hopeless: Callable[[SessionError], bool] = lambda _: False,
        reload: Callable[[], Pace | None] = lambda: None,
        dry_run: bool = False,
        stop: StopRequest | None = None,
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
    ) -> None:
        self._store = Watched(store, observers.supervisor.heartbeat)
        self._pace = pace
        self._observers = observers
        self._supervisor = observers.supervisor
        self._before_run = before_run
        self._hopeless = hopeless
        self._reload = reload
        self._dry_run = dry_run
        self._stop = Stop() if stop is None else stop
        self._clock = clock
        self._backoff = Backoff(first=FIRST_RETRY) if backoff is None else backoff
        self._succeeded = False
        self._unrecorded = 0  # sessions deleted by runs that failed later
        self._runs: int | None = None  # of all reapers, when the last run here was recorded
        self._alone = True

    def stop(self) -> None:
        """Ask for an end after the batch under way."""
        self._stop.set()

    def run_once(self) -> Run:
        """Delete what has expired, record the run in the store, and let go of the store's connections.

        Connections are closed so that a server that was started on demand may leave between runs.
        """
        return self._one_run(None)

    def count_once(self) -> Count:
        """Delete nothing; count what has expired."""
        self._before_run()
        try:
            return Count(self._store.count_expired())
        finally:
            self._store.close()

    def run(self) -> None:
        """Run until stopped; a store that fails is tried again, with growing pauses, without end."""
        self._supervisor.ready("starting the first run")
        self.wait_jitter()
        while not self._stop.is_set():
            self._wait(self._attempt())
        self._supervisor.stopping()

    def wait_jitter(self) -> None:
        """Wait a random part of the jitter, for reapers that a clock starts all at once."""
        if delay := self._pace.delay():
            self._wait(delay)

    def _one_run(self, interval: float | None) -> Run:
        try:
            self._before_run()
            run = self._reap()
            self._record(run, interval)
            self._observe(run, interval)
        except SessionError:
            self._observers.metrics.failed()
            raise
        finally:
            self._store.close()
        return run

    def _record(self, run: Run, interval: float | None) -> None:
        """Record the run, and what earlier ones deleted before they failed."""
        deleted, self._unrecorded = self._unrecorded, 0
        try:
            self._store.record_reaper_run(deleted, run.seconds, interval=interval)
        except SessionError as error:
            log.warning("%s; the run could not be recorded", run)
            if not isinstance(error, StoreUnavailable):  # refused; else it may have been recorded
                self._unrecorded = deleted
            raise

    def _observe(self, run: Run, interval: float | None) -> None:
        """Ask for what the reports tell of the run; it has succeeded whatever becomes of that."""
        try:
            self._observers.metrics.succeeded(self._store, run.complete)
            if interval is not None:
                self._look_around()
        except SessionError as error:
            log.warning("the run was recorded, but not all of its numbers could be read: %s", _line(error))

    def _look_around(self) -> None:
        """Say once when runs were recorded in between that are not from here."""
        status = self._store.reaper_status()
        runs = None if status is None else status.runs
        if self._alone and runs is not None and self._runs is not None and runs > self._runs + 1:
            self._alone = False
            log.info("another reaper works on this database too, which does no harm")
        self._runs = runs

    def _attempt(self) -> float:
        """Run once; return the seconds to wait before the next time."""
        try:
            outcome = self.count_once() if self._dry_run else self._one_run(self._pace.interval)
        except SessionError as error:
            if not self._succeeded and self._hopeless(error):
                raise
            return self._failed(error)
        self._succeeded = True
        self._backoff.succeeded()
        self._tell(outcome)
        self._supervisor.status(f"last run {outcome}")
        return self._pace.interval + self._pace.delay()

    def _tell(self, outcome: Run | Count) -> None:
        """Report; where that goes to a disk that is full or a reader that has left, the work goes on."""
        try:
            self._observers.report(outcome)
        except OSError as error:
            log.warning("%s; that could not be printed: %s", outcome, error.strerror or error)

    def _failed(self, error: SessionError) -> float:
        delay = self._backoff.failed(min(self._pace.interval, LONGEST_RETRY))
        reason = _line(error)
        log.warning("the store failed: %s; next try in %.1f s", reason, delay)
        self._supervisor.status(f"the store failed, next try in {delay:.1f} s: {reason}")
        return delay

    def _reap(self) -> Run:
        pace = self._pace  # a reload is for the next run
        size = BatchSize(most=pace.batch_rows, max_hold=pace.max_hold)
        began = self._clock()
        deleted = batches = 0
        complete = False
        while not complete and not self._stop.is_set():
            rows, complete = self._batch(size)
            deleted += rows
            batches += 1
            if self._clock() - began >= pace.time_budget:
                break
            if not complete:
                self._wait(pace.pause)
        return Run(deleted, batches, self._clock() - began, complete)

    def _batch(self, size: BatchSize) -> tuple[int, bool]:
        """Delete a batch; return how many rows went and whether none is left."""
        limit, began = size.rows, self._clock()
        try:
            rows = self._store.delete_expired(limit)
        except SessionError as error:
            if not took_too_long(error) or not size.shrink():
                raise
            log.debug("batch of at most %d: the database ended it, smaller ones follow", limit)
            return 0, False
        self._unrecorded += rows
        seconds = self._clock() - began
        log.debug("batch of at most %d: deleted %d in %.4f s", limit, rows, seconds)
        size.learn(seconds)
        self._observers.progress(self._store, rows)
        return rows, rows < limit

    def _wait(self, seconds: float) -> None:
        """Wait, stop early when asked to, and give the watchdog its signs of life meanwhile.

        They come from here while there is nothing to do, and after each call to the store; a call that hangs
        gives none. A reload ends the wait, so that the next run goes by the new settings.
        """
        watchdog = self._supervisor.watchdog
        longest = seconds if watchdog is None else watchdog / 2
        until = self._clock() + seconds
        while not self._stop.is_set():
            self._supervisor.heartbeat()
            if self._reloaded():
                break
            left = until - self._clock()
            if left <= 0:
                break
            self._stop.wait(min(left, longest))

    def _reloaded(self) -> bool:
        pace = self._reload()
        if pace is None:
            return False
        self._pace = pace
        return True


def _line(error: SessionError) -> str:
    """Drivers quote several lines; a log has one."""
    return " ".join(str(error).split())
