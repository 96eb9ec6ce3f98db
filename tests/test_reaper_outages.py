"""The reaper where the store is full, hangs, or is gone: real processes on a disk of their own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from psycopg.errors import DiskFull

from chaisql.address import published_address
from chaisql.cli import main as chaisql_main
from waiting import eventually, stopped
from wsgi_chaisession import ChaiStore, StoreError

DEADLINE = 60.0
FAR = datetime(9999, 1, 1, tzinfo=UTC)
MEGABYTE = 1 << 20
DISK = 128 * MEGABYTE  # chaisqld refuses writes below 32 MB and deletions below 8 MB


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield place
    chaisql_main(["stop", str(place / "db")])
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def leave(disk: Path, free: int) -> None:
    """Fill the disk with somebody else's data, or take so much of it away."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - free)


def takes(store: ChaiStore, *, writes: bool, deletions: bool) -> bool:
    """Whether the server has seen how full the disk is, and does this and no more; it looks now and then."""
    return (allows(lambda: store.commit("probe", b"x", FAR)), allows(lambda: store.delete("probe"))) == (
        writes,
        deletions,
    )


def allows(call: Callable[[], object]) -> bool:
    try:
        call()
    except StoreError as error:
        if not isinstance(error.__cause__, DiskFull):
            raise
        return False
    return True


def expired(store: ChaiStore, *names: str) -> None:
    for name in names:
        assert store.insert(name, b"x", datetime.now(UTC) - timedelta(minutes=1))


def reaper(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reaper", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_full_disk_stops_neither_the_deletion_nor_the_reaper(disk: Path, tmp_path: Path) -> None:
    store = ChaiStore(disk / "db", timeout=20)
    expired(store, "a", "b")
    leave(disk, 16 * MEGABYTE)  # below the floor for writes
    eventually(lambda: takes(store, writes=False, deletions=True))
    done = reaper("once", disk / "db")
    assert done.returncode == 75
    told, why = done.stderr.splitlines()
    assert "deleted 2 expired sessions in " in told
    assert told.endswith("; the run could not be recorded")
    assert "bytes are free on the disk of the database" in why
    assert (store.count_expired(), store.reaper_status()) == (0, None)

    leave(disk, 64 * MEGABYTE)
    eventually(lambda: takes(store, writes=True, deletions=True))
    expired(store, "c", "d", "e")
    leave(disk, 2 * MEGABYTE)  # below that for deletions
    eventually(lambda: takes(store, writes=False, deletions=False))
    assert reaper("once", disk / "db").returncode == 75
    log = tmp_path / "log"
    with log.open("w") as output:
        command = [sys.executable, "-m", "reaper", "run", str(disk / "db"), "--interval", "200ms"]
        running = subprocess.Popen(command, stderr=output)
    try:
        eventually(lambda: log.read_text().count("the store failed: ") >= 2)
        assert store.count_expired() == 3
        leave(disk, 16 * MEGABYTE)
        eventually(lambda: "deleted 3 expired sessions" in log.read_text())
        leave(disk, 64 * MEGABYTE)
        eventually(lambda: (status := store.reaper_status()) is not None and status.deleted == 3)
        running.terminate()
        assert running.wait(DEADLINE) == 0
    finally:
        running.kill()
        running.wait()
        store.close()


@pytest.mark.parametrize("command", ["once", "status"])
def test_a_store_that_hangs_is_a_case_for_later(chai_dir: Path, command: str) -> None:
    store = ChaiStore(chai_dir, timeout=20)
    expired(store, "a")
    pid = published_address(chai_dir).pid
    assert pid
    with stopped(pid):
        done = reaper(command, chai_dir, "--timeout", "500ms")
    assert (done.returncode, done.stderr.count("\n")) == (75, 1)
    assert "did not answer within 0.5 s" in done.stderr
    store.close()
