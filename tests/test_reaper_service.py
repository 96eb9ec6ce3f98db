"""The reaper as a service: SIGHUP, the watchdog, its state for monitoring, and databases of other shapes."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

import chaisql
from chaisql.address import published_address
from chaisql.cli import main as chaisql_main
from reaper.status import is_fresh
from waiting import eventually, stopped
from wsgi_chaisession import ChaiStore
from wsgi_chaisession.store import ReaperStatus

DEADLINE = 60.0


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "reaper", *map(str, arguments)]


def reaper(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60, check=False)


class Service:
    """A reaper whose service manager is this test."""

    def __init__(self, process: subprocess.Popen[str], manager: socket.socket) -> None:
        self.process = process
        self._manager = manager

    def heard(self, seconds: float = DEADLINE) -> dict[str, str]:
        """The next message; {} when none comes."""
        self._manager.settimeout(seconds)
        try:
            lines = self._manager.recv(4000).decode().splitlines()
        except TimeoutError:
            return {}
        return dict(line.split("=", 1) for line in lines)

    def until(self, name: str, start: str = "") -> dict[str, str]:
        deadline = time.monotonic() + DEADLINE
        while not (message := self.heard()).get(name, "\0").startswith(start):
            assert message, f"no {name} came"
            assert time.monotonic() < deadline, f"no {name} came, only {message}"
        return message

    def stop(self) -> tuple[int, str]:
        self.process.terminate()
        _, errors = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, errors


@contextmanager
def service(*arguments: object, **variables: str) -> Iterator[Service]:
    address = f"reaper-service-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address)
        process = subprocess.Popen(
            command("run", *arguments),
            env={**os.environ, "NOTIFY_SOCKET": "@" + address, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield Service(process, manager)
        finally:
            if process.poll() is None:
                process.kill()
                process.communicate()


@pytest.fixture
def chai(chai_dir: Path) -> Iterator[ChaiStore]:
    store = ChaiStore(chai_dir, timeout=20)
    store.create_schema()
    yield store
    store.close()


def test_sighup_reads_the_file_again_and_a_bad_one_changes_nothing(
    chai: ChaiStore, chai_dir: Path, tmp_path: Path
) -> None:
    config = tmp_path / "reaper.toml"
    config.write_text('interval = "1h"')
    with service(chai_dir, "--config", config) as running:
        running.until("STATUS", "last run")
        config.write_text('interval = "2h"')
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        running.process.send_signal(signal.SIGHUP)
        assert before <= int(running.until("RELOADING", "1")["MONOTONIC_USEC"]) <= before + 30_000_000
        assert running.until("READY", "1")["STATUS"] == "new settings were read"
        running.until("STATUS", "last run")  # at once, by the new settings
        for bad in ('interval = "soon"', "interval = 0", 'interval = "0"', 'timeout = "9s"', "?"):
            config.write_text(bad)
            running.process.send_signal(signal.SIGHUP)
            running.until("RELOADING", "1")
            assert running.until("READY", "1")["STATUS"].startswith("the old settings stay: ")
        code, log = running.stop()
    assert code == 0
    assert log.count("the old settings stay: ") == 5
    status = chai.reaper_status()
    assert status is not None
    assert (status.interval, status.runs) == (7200.0, 2)


def test_a_store_that_hangs_does_not_bring_the_watchdog_upon_the_reaper(
    chai: ChaiStore, chai_dir: Path
) -> None:
    pid = published_address(chai_dir).pid
    assert pid is not None
    options = ["--interval", "10ms", "--timeout", "300ms"]
    with service(chai_dir, *options, WATCHDOG_USEC="60000000") as running:
        running.until("STATUS", "last run")
        with stopped(pid):
            assert running.until("STATUS", "the store failed")["WATCHDOG"] == "1"
        assert running.until("STATUS", "last run")["WATCHDOG"] == "1"
        assert running.stop()[0] == 0


def test_run_prints_json_and_a_dry_run_deletes_nothing(chai: ChaiStore, chai_dir: Path) -> None:
    chai.insert("old", b"x", datetime.now(UTC) - timedelta(minutes=1))
    with service(chai_dir, "--dry-run", "--json", "--interval", "1h") as running:
        assert running.process.stdout is not None
        assert running.until("STATUS", "last run")["STATUS"] == "last run 1 expired session would be deleted"
        running.process.terminate()
        assert json.loads(running.process.stdout.readline()) == {"expired": 1}
    assert chai.count_expired() == 1


def test_status_tells_monitoring_whether_the_reaper_is_at_work(chai: ChaiStore, chai_dir: Path) -> None:
    chai.insert("old", b"x", datetime.now(UTC) - timedelta(minutes=1))
    never = reaper("status", chai_dir)
    assert (never.returncode, never.stderr) == (1, "")
    told = re.fullmatch(r"stale: the reaper never ran\nlag: (\d+\.\d) s\n", never.stdout)
    assert told is not None
    assert float(told[1]) >= 60
    reaper("once", chai_dir)
    fresh = reaper("status", chai_dir)
    assert fresh.returncode == 0
    assert fresh.stdout.startswith("fresh: last run ")
    assert fresh.stdout.endswith(" s; 1 in 1 runs altogether\nlag: 0.0 s\n")
    stale = reaper("status", chai_dir, "--max-age", "1ms", "--json")
    assert stale.returncode == 1
    summary = json.loads(stale.stdout)
    assert (summary["fresh"], summary["deleted"], summary["interval"]) == (False, 1, None)


def test_the_interval_that_was_recorded_decides_what_is_stale(chai: ChaiStore, chai_dir: Path) -> None:
    chai.record_reaper_run(0, 0.1, interval=0.001)
    assert reaper("status", chai_dir).returncode == 1
    chai.record_reaper_run(0, 0.1, interval=60.0)
    assert reaper("status", chai_dir).returncode == 0


@pytest.mark.parametrize(("age", "fresh"), [(0, True), (-1, True), (-3600, False), (899, True), (901, False)])
def test_a_last_run_of_the_future_is_no_sign_of_life(age: float, fresh: bool) -> None:
    """The database's clock was wrong for a while; a second is nothing."""
    assert is_fresh(ReaperStatus(datetime.now(UTC), 1, 0, 0, 0.1, None, age)) is fresh


def test_the_first_process_of_a_container_leaves_no_server_unburied(tmp_path: Path) -> None:
    own = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if shutil.which("unshare") is None or subprocess.run([*own, "true"], check=False).returncode:
        pytest.skip("process numbers of its own take more rights")
    directory = tmp_path / "db"  # not a fixture's, which would end a process by its number in the container
    with contextlib.closing(ChaiStore(directory, timeout=20)) as store:
        store.create_schema()
    assert chaisql_main(["stop", str(directory)]) == 0
    with subprocess.Popen(
        [*own, *command("run", directory, "--interval", "100ms")], stderr=subprocess.DEVNULL
    ) as container:
        try:
            (first,) = eventually(lambda: children(container.pid))
            server = eventually(
                lambda: next((pid for pid, name in children(first).items() if name == "chaisqld"), None)
            )
            assert server is not None
            os.kill(server, signal.SIGKILL)
            eventually(lambda: server not in children(first))
        finally:
            container.kill()


def children(pid: int) -> dict[int, str]:
    """The names of a process's children, the dead that nobody has taken in among them."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(FileNotFoundError):
            found[int(child)] = Path(f"/proc/{child}/comm").read_text().strip()
    return found


def test_metrics_of_a_real_run(chai: ChaiStore, chai_dir: Path, tmp_path: Path) -> None:
    metrics = tmp_path / "reaper.prom"
    assert reaper("once", chai_dir, "--metrics-file", metrics).returncode == 0
    names = {family.name for family in text_string_to_metric_families(metrics.read_text())}
    assert {"chaisession_reaper_up", "chaisession_reaper_runs", "chaisession_reaper_lag_seconds"} <= names


SHAPES = {
    "columns": "CREATE TABLE sessions (token TEXT PRIMARY KEY, value TEXT)",
    "types": "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA, expiry TEXT)",
    "none": "CREATE TABLE customers (name TEXT PRIMARY KEY)",
}


@pytest.mark.parametrize("which", ["once", "run"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_database_of_another_program_is_a_case_for_somebody(tmp_path: Path, shape: str, which: str) -> None:
    with chaisql.Server(tmp_path / "db") as server:
        with chaisql.connect(server.dsn, autocommit=True) as connection:
            other: Any = connection
            other.execute(SHAPES[shape])
        done = reaper(which, server.dsn)
    assert done.returncode == 78
    assert done.stderr.startswith("chaisession-reaper: ")
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr


def test_many_equal_expiries_go(chai: ChaiStore, chai_dir: Path) -> None:
    many = 1_500  # the engine's own tests have 50,000
    expiry = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    with chaisql.connect(chai_dir) as connection:
        for start in range(0, many, 500):
            rows = ",".join(f"('e{number}', 'x', %s)" for number in range(start, start + 500))
            connection.execute("INSERT INTO sessions (token, data, expiry) VALUES " + rows, [expiry] * 500)
            connection.commit()
    assert chai.count_expired() == many
    done = reaper("once", chai_dir, "--json", "--pause", "0", "--batch-rows", "500", "--max-hold", "1s")
    assert json.loads(done.stdout)["deleted"] == many
