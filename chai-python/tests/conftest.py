"""What the tests share: throwaway directories, and the real server's process as the kernel sees it."""

import os
import selectors
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import chaisql
from chaisql.address import published_address
from chaisql.probe import ask, peer_pid
from chaisql.process import end

PidOf = Callable[[psycopg.Connection[object]], int]


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's, as pytest's own may not."""
    with tempfile.TemporaryDirectory(prefix="chaisql-") as folder:
        yield Path(folder).resolve()


@pytest.fixture
def directory(short_path: Path) -> Iterator[Path]:
    """A database directory that is not there yet; its server is stopped afterwards."""
    path = short_path / "data"
    yield path
    if pid := ask(published_address(path)).pid:
        assert end(pid, timeout=15)


@pytest.fixture
def runtime(short_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for sockets that have no room in their database directory."""
    folder = short_path / "run"
    folder.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def pid_of() -> PidOf:
    """The server process at the other end of a connection."""

    def find(connection: psycopg.Connection[object]) -> int:
        with socket.socket(fileno=os.dup(connection.fileno())) as sock:
            pid = peer_pid(sock)
        assert pid is not None
        return pid

    return find


@pytest.fixture
def wait_gone() -> Callable[[int], None]:
    """Wait until a process has ended; fails after half a minute."""

    def wait(pid: int) -> None:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            events = selector.select(30)
        os.close(descriptor)
        assert events, f"process {pid} still runs after 30 s"

    return wait


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make a shell script that takes the server's place."""

    def write(text: str) -> Path:
        path = tmp_path / "server.sh"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o700)
        monkeypatch.setenv("CHAISQL_SERVER", str(path))
        return path

    return write


def fill(connection: psycopg.Connection[Any]) -> None:
    connection.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL)")
    connection.execute("CREATE INDEX notes_body ON notes (body)")
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany("INSERT INTO notes VALUES (%s, %s)", [(i, f"note {i}") for i in range(100)])


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let servers wait: a test may hold the writer while a busy machine starts a program that wants it."""
    for limit in ("WRITER_WAIT", "IDLE_IN_TRANSACTION", "TRANSACTION_TURN", "STATEMENT_TIMEOUT"):
        monkeypatch.setenv(f"CHAISQLD_{limit}", "1m")


@pytest.fixture
def served(directory: Path, patient: None) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a served database with a hundred rows."""
    with chaisql.Server(directory) as server, server.connect(autocommit=True) as connection:
        fill(connection)
        yield connection


@pytest.fixture
def unserved(directory: Path) -> Path:
    """A database with a hundred rows that nobody serves."""
    with chaisql.Server(directory) as server, server.connect(autocommit=True) as connection:
        fill(connection)
    return directory
