"""`:memory:` is a database of one connection."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import chaisql

PidOf = Callable[[psycopg.Connection[object]], int]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, runtime: Path) -> None:
    monkeypatch.setattr("chaisql.discovery.MEMORY_IDLE_SECONDS", 1.0)


def test_it_works_and_goes_with_its_connection(
    runtime: Path, pid_of: PidOf, wait_gone: Callable[[int], None]
) -> None:
    with chaisql.connect(":memory:", autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY)")
        connection.execute("INSERT INTO notes (id) VALUES (1)")
        assert connection.execute("SELECT id FROM notes").fetchall() == [(1,)]
        pid = pid_of(connection)
    wait_gone(pid)
    assert list(runtime.rglob("*")) == [runtime / "chaisql"]


def test_it_goes_with_a_process_that_is_killed(wait_gone: Callable[[int], None]) -> None:
    program = (
        "import chaisql, chaisql.discovery, chaisql.probe, os, socket, signal\n"
        "chaisql.discovery.MEMORY_IDLE_SECONDS = 1.0\n"
        "connection = chaisql.connect(':memory:')\n"
        "sock = socket.socket(fileno=os.dup(connection.fileno()))\n"
        "print(chaisql.probe.peer_pid(sock), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, timeout=30)
    assert done.returncode == -9
    wait_gone(int(done.stdout))


def test_each_connection_has_its_own(pid_of: PidOf) -> None:
    with chaisql.connect(":memory:") as first, chaisql.connect(":memory:") as second:
        assert pid_of(first) != pid_of(second)
        first.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            second.execute("SELECT id FROM notes")
