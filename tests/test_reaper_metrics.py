"""The metrics file, read as Prometheus reads it."""

import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reaper import Observers, Pace, Reaper
from reaper.metrics import MetricsFile
from wsgi_chaisession.errors import StoreUnavailable
from wsgi_chaisession.testing import ManualClock, MemoryStore

MINUTE = timedelta(minutes=1)


class Store(MemoryStore):
    down = False

    def reaper_lag(self) -> float:
        if self.down:
            raise StoreUnavailable("gone")
        return super().reaper_lag()


@pytest.fixture
def store() -> Store:
    store = Store(ManualClock())
    for number in range(5):
        store.insert(f"k{number}", b"x", store.clock() - MINUTE)
    return store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "reaper.prom"


def reaper(store: Store, path: Path, **pace: Any) -> Reaper:
    return Reaper(store, Pace(pause=0, **pace), observers=Observers(metrics=MetricsFile(path)))


def samples(path: Path) -> dict[str, float]:
    families = list(text_string_to_metric_families(path.read_text()))
    assert all(family.documentation and family.type in {"gauge", "counter"} for family in families)
    return {
        sample.name.removeprefix("chaisession_reaper_"): sample.value
        for family in families
        for sample in family.samples
    }


def test_a_run_is_told(store: Store, path: Path) -> None:
    reaper(store, path).run_once()
    told = samples(path)
    assert told.pop("last_run_duration_seconds") >= 0
    assert told == {
        "up": 1,
        "failures_total": 0,
        "runs_total": 1,
        "deleted_sessions_total": 5,
        "last_run_timestamp_seconds": store.clock().timestamp(),
        "last_run_deleted_sessions": 5,
        "last_run_complete": 1,
        "lag_seconds": 0,
    }


def test_work_that_is_left_shows(store: Store, path: Path) -> None:
    reaper(store, path, time_budget=1e-9).run_once()
    told = samples(path)
    assert (told["last_run_complete"], told["lag_seconds"]) == (0, 60)


def test_totals_go_on_over_restarts(store: Store, path: Path) -> None:
    for _ in range(3):
        reaper(store, path).run_once()
    assert samples(path)["runs_total"] == 3


def test_a_failure_shows_beside_what_was_known(store: Store, path: Path) -> None:
    worker = reaper(store, path)
    worker.run_once()
    store.fail_next("delete_expired")
    with pytest.raises(StoreUnavailable):
        worker.run_once()
    told = samples(path)
    assert (told["up"], told["failures_total"], told["deleted_sessions_total"]) == (0, 1, 5)


def test_numbers_that_cannot_be_read_leave_those_that_were_known(store: Store, path: Path) -> None:
    """The run was recorded, so it succeeded."""
    worker = reaper(store, path)
    worker.run_once()
    store.down = True
    assert worker.run_once().complete
    told = samples(path)
    assert (told["up"], told["failures_total"], told["runs_total"]) == (1, 0, 1)


def test_everybody_may_read_it_and_nothing_else_is_left(store: Store, path: Path) -> None:
    reaper(store, path).run_once()
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_vanishes_later_stops_no_run(
    store: Store, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gone = path.parent / "gone" / "m.prom"
    with caplog.at_level(logging.WARNING, "reaper"):
        assert reaper(store, gone).run_once().deleted == 5
    assert caplog.messages == [f"the metrics file {gone} could not be written: No such file or directory"]
