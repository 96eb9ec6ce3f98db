"""The reaper as a program: real processes, a real chaisqld, a throwaway directory for each test."""

import contextlib
import fcntl
import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from chaisql.address import published_address
from chaisql.cli import main as chaisql_main
from waiting import eventually
from wsgi_chaisession import ChaiStore

ROOT = Path(__file__).resolve().parents[1]
DEADLINE = 60.0


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "db"
    yield place
    if place.is_dir():
        chaisql_main(["stop", str(place)])


@pytest.fixture
def store(directory: Path) -> Iterator[ChaiStore]:
    store = ChaiStore(directory)
    store.create_schema()
    yield store
    store.close()


def add(store: ChaiStore, name: str, count: int, *, seconds: float) -> None:
    """Store sessions that expire in so many seconds, or have expired so many seconds ago."""
    expiry = datetime.now(UTC) + timedelta(seconds=seconds)
    for number in range(count):
        assert store.insert(f"{name}{number}", b"{}", expiry + timedelta(microseconds=number))


def reaper(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reaper", *map(str, arguments)]
    environment = {**os.environ, **variables}
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


class Background:
    """A reaper that runs until told."""

    def __init__(self, *arguments: object, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "reaper", "run", *map(str, arguments)],
            cwd=ROOT,
            env={**os.environ, **variables},
            stderr=subprocess.PIPE,
            text=True,
        )

    def stop(self, signal_number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(signal_number)
        _, errors = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, errors


@pytest.fixture
def background() -> Iterator[Callable[..., Background]]:
    started: list[Background] = []

    def start(*arguments: object, **variables: str) -> Background:
        started.append(Background(*arguments, **variables))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()


def test_once_deletes_what_has_expired_and_says_so(store: ChaiStore, directory: Path) -> None:
    add(store, "old", 7, seconds=-5)
    add(store, "new", 3, seconds=60)
    done = reaper("once", directory)
    assert (done.returncode, done.stderr) == (0, "")
    told = re.fullmatch(r"deleted 7 expired sessions in (\d+) batches, \d+\.\d{3} s\n", done.stdout)
    # One that is slow makes the next smaller: 1, 2 and 4 rows and a last look, or one by one.
    assert told, done.stdout
    assert 4 <= int(told[1]) <= 8
    assert {key for key, _ in store.all()} == {"new0", "new1", "new2"}
    assert store.count_expired() == 0


def test_once_with_nothing_to_do_is_a_success(store: ChaiStore, directory: Path) -> None:
    done = reaper("once", directory)
    assert done.returncode == 0
    assert done.stdout.startswith("deleted 0 expired sessions in 1 batch, ")


def test_once_as_json(store: ChaiStore, directory: Path) -> None:
    add(store, "old", 2, seconds=-5)
    done = reaper("once", directory, "--json")
    summary = json.loads(done.stdout)
    assert summary.pop("seconds") > 0
    assert summary == {"deleted": 2, "batches": 2, "complete": True}


def test_a_terminal_is_shown_how_far_it_is(store: ChaiStore, directory: Path) -> None:
    add(store, "old", 40, seconds=-5)
    command = [sys.executable, "-m", "reaper", "once", str(directory), "--batch-rows", "8", "--pause", "0"]
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            done = subprocess.run(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, timeout=60, check=True, text=True
            )
        finally:
            os.close(theirs)
        drawn = b""
        with contextlib.suppress(OSError):  # EIO is a terminal's end
            while part := terminal.read(4096):
                drawn += part
    assert done.stdout.startswith("deleted 40 expired sessions in ")
    assert re.findall(r"\d+/\d+", drawn.decode())[-1] == "40/40"


def test_a_summary_that_cannot_be_printed_is_an_internal_failure(store: ChaiStore, directory: Path) -> None:
    command = [sys.executable, "-m", "reaper", "once", str(directory)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command, cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )
    assert done.returncode == 70
    assert done.stderr.startswith("chaisession-reaper: internal failure: OSError: ")
    assert done.stderr.count("\n") == 1


def test_a_dry_run_counts_and_deletes_nothing(store: ChaiStore, directory: Path) -> None:
    add(store, "old", 4, seconds=-5)
    assert reaper("once", directory, "--dry-run").stdout == "4 expired sessions would be deleted\n"
    assert json.loads(reaper("once", directory, "--dry-run", "--json").stdout) == {"expired": 4}
    assert store.count_expired() == 4
    assert store.reaper_status() is None


def test_each_run_is_recorded(store: ChaiStore, directory: Path) -> None:
    add(store, "old", 3, seconds=-5)
    reaper("once", directory)
    reaper("once", directory)
    status = store.reaper_status()
    assert status is not None
    assert (status.runs, status.deleted, status.last_deleted) == (2, 3, 0)
    assert timedelta(0) <= datetime.now(UTC) - status.finished < timedelta(minutes=1)


def test_store_and_options_come_from_the_environment_too(store: ChaiStore, directory: Path) -> None:
    add(store, "old", 6, seconds=-5)
    variables = {"CHAISESSION_STORE": str(directory), "CHAISESSION_REAPER_BATCH_ROWS": "1"}
    done = reaper("once", "--pause", "0", **variables)
    assert done.stdout.startswith("deleted 6 expired sessions in 7 batches, ")


def test_cleanup(store: ChaiStore, directory: Path, background: Callable[..., Background]) -> None:
    """A session is there over a run, expires, and after the next run its row is gone."""
    add(store, "brief", 1, seconds=3600)
    started = background(directory, "--interval", "100ms")
    eventually(store.reaper_status)
    assert store.find("brief0") is not None
    store.commit("brief0", b"{}", datetime.now(UTC) + timedelta(milliseconds=50))
    eventually(lambda: store.find("brief0") is None)
    eventually(lambda: (status := store.reaper_status()) and status.deleted == 1)
    assert store.count_expired() == 0
    assert started.stop()[0] == 0


def test_once_that_is_stopped_says_what_it_did(store: ChaiStore, directory: Path) -> None:
    add(store, "old", 400, seconds=-5)
    command = [sys.executable, "-m", "reaper", "once", str(directory), "--json", "--pause", "1h"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        eventually(lambda: store.count_expired() < 400)
        process.terminate()
        output, _ = process.communicate(timeout=DEADLINE)
    assert process.returncode == 0
    summary = json.loads(output)
    assert (summary["deleted"], summary["complete"]) == (1, False)
    assert store.count_expired() == 399


@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGINT])
def test_run_ends_with_zero_when_asked(
    store: ChaiStore, directory: Path, background: Callable[..., Background], signal_number: int
) -> None:
    started = background(directory, "--interval", "1h")
    eventually(store.reaper_status)
    code, log = started.stop(signal_number)
    assert code == 0
    assert log.count("\n") == 1
    assert "reaper: deleted 0 expired sessions in 1 batch, " in log


def test_a_stop_in_the_middle_of_a_backlog_leaves_the_rest(
    store: ChaiStore, directory: Path, background: Callable[..., Background]
) -> None:
    add(store, "old", 400, seconds=-5)
    started = background(directory, "--batch-rows", "10", "--pause", "500ms")
    eventually(lambda: store.count_expired() < 400)
    code, log = started.stop()
    assert code == 0
    assert "more may be waiting" in log
    status = store.reaper_status()
    assert status is not None
    assert status.deleted + store.count_expired() == 400
    assert status.deleted < 400


def test_the_interval_zero_disables_the_reaper(directory: Path) -> None:
    done = reaper("run", directory, "--interval", "0")
    assert (done.returncode, done.stderr) == (0, "chaisession-reaper: disabled (--interval 0)\n")
    assert not directory.exists()


def test_a_reaper_says_once_that_there_is_another(
    store: ChaiStore, directory: Path, background: Callable[..., Background]
) -> None:
    def runs() -> int:
        status = store.reaper_status()
        return 0 if status is None else status.runs

    def reached(number: int) -> bool:
        return runs() >= number

    one = background(directory, "--interval", "50ms")
    eventually(runs)
    for _ in range(2):
        store.record_reaper_run(0, 0.0)  # as another does
        eventually(partial(reached, runs() + 2))
    code, log = one.stop()
    assert (code, log.count("another reaper works on this database too")) == (0, 1)


def test_two_reapers_at_once_delete_each_session_once(store: ChaiStore, directory: Path) -> None:
    add(store, "old", 200, seconds=-5)
    add(store, "new", 5, seconds=60)
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: reaper("once", directory, "--json", "--pause", "0"), range(2)))
    assert [run.returncode for run in runs] == [0, 0]
    assert sum(json.loads(run.stdout)["deleted"] for run in runs) == 200
    assert store.count() == 5


def test_writers_lose_nothing_while_the_reaper_runs(
    store: ChaiStore, directory: Path, background: Callable[..., Background]
) -> None:
    started = background(directory, "--interval", "10ms", "--pause", "1ms")
    until = time.monotonic() + 1
    later = datetime.now(UTC) + timedelta(hours=1)
    counts = dict.fromkeys(range(4), 0)

    def write(writer: int) -> None:
        data = b"0"
        assert store.insert(f"writer{writer}", data, later)
        while time.monotonic() < until:
            counts[writer] += 1
            following = str(counts[writer]).encode()
            assert store.replace(f"writer{writer}", data, following, later)
            data = following
            store.insert(
                f"guest{writer}-{counts[writer]}", b"", datetime.now(UTC) + timedelta(milliseconds=5)
            )

    with ThreadPoolExecutor(len(counts)) as pool:
        list(pool.map(write, counts))
    for writer, count in counts.items():
        record = store.find(f"writer{writer}")
        assert record is not None
        assert record.data == str(count).encode()
    # In this order: the last guest may still have some of its milliseconds.
    eventually(lambda: store.count() == len(counts) and store.count_expired() == 0)
    code, log = started.stop()
    assert code == 0
    assert "failed" not in log
    status = store.reaper_status()
    assert status is not None
    assert status.deleted == sum(counts.values())
    assert min(counts.values()) > 0


def test_run_survives_the_death_of_the_database_server(
    store: ChaiStore, directory: Path, background: Callable[..., Background]
) -> None:
    started = background(directory, "--interval", "100ms")
    eventually(store.reaper_status)
    pid = published_address(directory).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    add(store, "old", 3, seconds=-5)
    eventually(lambda: (status := store.reaper_status()) and status.deleted == 3)
    assert published_address(directory).pid != pid
    assert started.stop()[0] == 0


def test_a_directory_that_vanishes_is_waited_for_and_not_made_anew(
    store: ChaiStore, directory: Path, background: Callable[..., Background]
) -> None:
    started = background(directory, "--interval", "100ms")
    eventually(store.reaper_status)
    away = directory.with_name("away")
    directory.rename(away)
    assert started.process.stderr is not None
    while "does not exist" not in (line := started.process.stderr.readline()):
        assert line, "the reaper ended"
    assert not directory.exists()
    away.rename(directory)
    add(store, "old", 3, seconds=-5)
    eventually(lambda: store.count_expired() == 0)
    assert started.stop()[0] == 0


def test_between_runs_the_server_may_leave(
    store: ChaiStore, directory: Path, background: Callable[..., Background]
) -> None:
    """The reaper keeps no connection, so a server with nobody else to serve ends itself."""
    store.close()
    chaisql_main(["stop", str(directory)])
    server = [sys.executable, "-m", "chaisql", "serve", str(directory), "--idle-exit", "2"]
    with subprocess.Popen(server, stderr=subprocess.DEVNULL) as process:
        eventually(lambda: published_address(directory).pid == process.pid)
        assert store.reaper_status() is None  # which keeps the server until the reaper has been there
        started = background(directory, "--interval", "1h")
        eventually(store.reaper_status)
        store.close()
        assert process.wait(DEADLINE) == 0
    assert chaisql_main(["status", str(directory)]) == 3  # no server runs
    assert started.process.poll() is None
    assert "deleted 0 expired sessions" in started.stop()[1]


def test_a_service_manager_is_kept_informed(
    store: ChaiStore, directory: Path, background: Callable[..., Background]
) -> None:
    address = f"chaisession-reaper-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address)
        manager.settimeout(DEADLINE)
        variables = {"NOTIFY_SOCKET": "@" + address, "WATCHDOG_USEC": "120000000"}
        started = background(directory, "--interval", "1h", **variables)
        heard = [manager.recv(1000).decode()]
        while not heard[-1].startswith("STATUS=last run deleted 0 expired sessions"):
            heard.append(manager.recv(1000).decode())
        assert heard[0] == "READY=1\nSTATUS=starting the first run"
        assert "WATCHDOG=1" in heard
        assert started.stop()[0] == 0
        while heard[-1] != "STOPPING=1\nSTATUS=stopping":
            heard.append(manager.recv(1000).decode())


def test_a_store_that_cannot_be_reached_is_a_case_for_later() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, but nobody listens
        url = f"postgresql://nobody@127.0.0.1:{closed.getsockname()[1]}/none"
        done = reaper("once", url, "--timeout", "1s")
    assert done.returncode == 75
    assert done.stderr.startswith("chaisession-reaper: ")
    assert done.stderr.count("\n") == 1


def test_a_directory_that_another_program_holds_is_a_case_for_later(
    store: ChaiStore, directory: Path
) -> None:
    store.close()
    chaisql_main(["stop", str(directory)])
    with (directory / "pebble" / "LOCK").open("r+") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        done = reaper("once", directory, "--timeout", "2s")
    assert done.returncode == 75
    assert str(directory) in done.stderr
    assert done.stderr.count("\n") == 1


def test_run_waits_for_a_store_that_is_down(background: Callable[..., Background]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://nobody@127.0.0.1:{closed.getsockname()[1]}/none"
        started = background(url, "--timeout", "200ms")
        assert started.process.stderr is not None
        line = started.process.stderr.readline()
    assert "the store failed: " in line
    assert "next try in " in line
    assert started.process.poll() is None
    assert started.stop()[0] == 0


def test_a_thread_may_stop_a_reaper_in_code(store: ChaiStore) -> None:
    from reaper import Pace, Reaper

    add(store, "old", 2, seconds=-5)
    running = Reaper(store, Pace(interval=3600))
    thread = threading.Thread(target=running.run)
    thread.start()
    eventually(store.reaper_status)
    running.stop()
    thread.join(DEADLINE)
    assert not thread.is_alive()
    assert store.count_expired() == 0
