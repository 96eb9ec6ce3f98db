"""`:memory:` is a database of one connection."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import chaisql
from chaisql.address import Address
from chaisql.dial import dial

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


def test_who_comes_after_it_has_left_gets_another_one(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[Address] = []

    def slow(address: Address, **how: Any) -> psycopg.Connection[Any] | None:
        met.append(address)
        while len(met) == 1 and Path(address.socket).exists():
            time.sleep(0.01)
        monkeypatch.setattr("chaisql.discovery.MEMORY_IDLE_SECONDS", 5.0)
        return dial(address, **how)

    monkeypatch.setattr("chaisql.discovery.MEMORY_IDLE_SECONDS", 0.1)
    monkeypatch.setattr("chaisql.discovery.dial", slow)
    with chaisql.connect(":memory:") as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert len(met) == 2
    assert list(runtime.rglob("*")) == [runtime / "chaisql"]


def test_a_start_that_fails_leaves_nothing(runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAISQL_SERVER", str(runtime / "nothing"))
    for start in (chaisql.connect, lambda name: chaisql.Server(name).start()):
        with pytest.raises(chaisql.ServerError, match="not an executable"):
            start(":memory:")
    assert list(runtime.rglob("*")) == [runtime / "chaisql"]


def test_each_connection_has_its_own(pid_of: PidOf) -> None:
    with chaisql.connect(":memory:") as first, chaisql.connect(":memory:") as second:
        assert pid_of(first) != pid_of(second)
        first.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY)")
        with pytest.raises(psycopg.errors.UndefinedTable):
            second.execute("SELECT id FROM notes")
