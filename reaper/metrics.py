"""The reaper's numbers as a file in Prometheus' text format, for the node exporter's textfile collector.

Totals are those of the database and not of this process, so that they go on counting over restarts and are
the same whether the reaper keeps running or cron starts it. Kept apart from the rest because the library that
writes the format, prometheus_client, is needed by nothing else.
"""

import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from reaper.observers import Observer
from reaper.replacing import replace
from reaper.store import ReapableStore, ReaperStatus

log = logging.getLogger("reaper")

MODE = 0o644  # the node exporter runs as another user; nothing in the file is secret
PREFIX = "chaisession_reaper_"


class MetricsFile(Observer):
    """Writes the file anew after each attempt; a write that fails is logged and does not stop the work."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._up = False
        self._failures = 0
        self._complete = True
        self._lag = 0.0
        self._status: ReaperStatus | None = None

    def check(self) -> None:
        """Raise OSError where the file could not be written."""
        if self._path.is_dir():
            raise IsADirectoryError(f"{self._path} is a directory")
        with tempfile.TemporaryFile(dir=self._path.parent):
            pass

    def succeeded(self, store: ReapableStore, complete: bool) -> None:  # noqa: FBT001 - as Run has it
        self._up = True
        try:
            self._status, self._lag = store.reaper_status(), store.reaper_lag()
            self._complete = complete
        finally:  # what could not be read stays what it was
            self._write()

    def failed(self) -> None:
        self._up = False
        self._failures += 1
        self._write()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics; prometheus_client calls this."""
        yield _gauge("up", "1 when the last attempt succeeded, 0 when the store failed.", float(self._up))
        yield _counter("failures", "Attempts of this process that the store failed.", self._failures)
        status = self._status
        if status is None:
            return
        yield _counter("runs", "Runs that ended, of all reapers of this database.", status.runs)
        yield _counter("deleted_sessions", "Sessions deleted by all runs together.", status.deleted)
        yield _gauge(
            "last_run_timestamp_seconds",
            "When the last run ended, by the database's clock.",
            status.finished.timestamp(),
        )
        yield _gauge("last_run_duration_seconds", "How long the last run took.", status.seconds)
        yield _gauge("last_run_deleted_sessions", "Sessions that the last run deleted.", status.last_deleted)
        yield _gauge("last_run_complete", "0 when the last run ended with work left.", float(self._complete))
        yield _gauge("lag_seconds", "Age of the oldest expired session after the last run.", self._lag)

    def _write(self) -> None:
        registry = CollectorRegistry()
        registry.register(self)
        try:
            replace(self._path, generate_latest(registry), mode=MODE)
        except OSError as error:
            log.warning("the metrics file %s could not be written: %s", self._path, error.strerror)


def _gauge(name: str, documentation: str, value: float) -> Metric:
    return GaugeMetricFamily(PREFIX + name, documentation, value=value)


def _counter(name: str, documentation: str, value: float) -> Metric:
    return CounterMetricFamily(PREFIX + name, documentation, value=value)
