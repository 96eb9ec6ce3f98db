"""The server under a service manager: what it says, the sockets it is given, and crashes."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

import chaisql

PATIENCE = 30.0
# LISTEN_PID is not known before the process exists, and its descriptor has to be number 3.
HANDING_ON = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class Manager:
    """As much of systemd as a service sees: a socket to talk to, and listening sockets handed on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._inbox.bind(str(folder / "notify"))
        self._inbox.settimeout(PATIENCE)
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(
        self, *flags: str, give: socket.socket | None = None, **environment: str
    ) -> subprocess.Popen[bytes]:
        command = [chaisql.find_server(), "--dir", str(self.folder / "data"), *flags]
        environment |= {"NOTIFY_SOCKET": str(self.folder / "notify")}
        if give is not None:
            command = [sys.executable, "-c", HANDING_ON, str(give.fileno()), *command]
            environment |= {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "chaisqld"}
        passed = [give.fileno()] if give is not None else []
        process = subprocess.Popen(command, env=os.environ | environment, pass_fds=passed)
        self._processes.append(process)
        return process

    @property
    def last(self) -> subprocess.Popen[bytes]:
        return self._processes[-1]

    def hears(self, *, of: str) -> str:
        """The next message with *of* in it."""
        while True:
            message = self._inbox.recv(4096).decode()
            if of in message:
                return message

    def hears_nothing(self, *, seconds: float) -> bool:
        while select.select([self._inbox], [], [], 0)[0]:
            self._inbox.recv(4096)
        return not select.select([self._inbox], [], [], seconds)[0]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self._inbox.close()


@pytest.fixture
def manager(short_path: Path) -> Iterator[Manager]:
    with contextlib.closing(Manager(short_path)) as manager:
        yield manager


@pytest.fixture
def listening(short_path: Path) -> Iterator[socket.socket]:
    """The socket that the manager holds."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(short_path / ".s.PGSQL.5432"))
        sock.listen(64)
        yield sock


def connect(folder: Path) -> psycopg.Connection:
    return psycopg.connect(
        f"host={folder} user=tester dbname=chai sslmode=disable connect_timeout=20", autocommit=True
    )


def test_it_tells_when_it_is_ready_and_when_it_leaves(manager: Manager) -> None:
    process = manager.start()
    assert f"STATUS=Serving {manager.folder}/data" in manager.hears(of="READY=1")
    connect(manager.folder / "data").close()
    process.send_signal(signal.SIGHUP)
    assert "MONOTONIC_USEC=" in manager.hears(of="RELOADING=1")
    manager.hears(of="READY=1")
    process.terminate()
    manager.hears(of="STOPPING=1")
    assert process.wait(PATIENCE) == 0


def test_a_server_that_hangs_does_not_feed_the_watchdog(manager: Manager) -> None:
    process = manager.start(WATCHDOG_USEC="300000")
    for _ in range(3):
        manager.hears(of="WATCHDOG=1")
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
    assert manager.hears_nothing(seconds=0.5)
    process.send_signal(signal.SIGCONT)
    manager.hears(of="WATCHDOG=1")


def test_the_watchdog_is_for_the_process_it_names(manager: Manager) -> None:
    manager.start(WATCHDOG_USEC="30000", WATCHDOG_PID="1")
    manager.hears(of="READY=1")
    assert manager.hears_nothing(seconds=0.3)


def test_a_client_that_came_first_is_served(manager: Manager, listening: socket.socket) -> None:
    waiting: list[object] = []

    def ask() -> None:
        with connect(manager.folder) as connection:
            waiting.append(connection.execute("SELECT 1").fetchone())

    client = threading.Thread(target=ask)
    client.start()
    manager.start(give=listening)
    client.join(PATIENCE)
    assert waiting == [(1,)]


def test_it_leaves_the_socket_when_idle_and_the_next_client_gets_the_next_server(
    manager: Manager, listening: socket.socket
) -> None:
    def note(number: int) -> None:
        with connect(manager.folder) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY)")
            connection.execute("INSERT INTO notes VALUES (%s)", (number,))

    for number in range(3):
        with ThreadPoolExecutor(
            1
        ) as pool:  # it waits for the server, which may be idle sooner than we are quick
            noted = pool.submit(note, number)
            assert select.select([listening], [], [], PATIENCE)[0]
            process = manager.start("--idle-exit", "100ms", give=listening)
            noted.result(PATIENCE)
        assert process.wait(PATIENCE) == 0
        assert (manager.folder / ".s.PGSQL.5432").is_socket()
    manager.start(give=listening)
    with connect(manager.folder) as connection:
        assert connection.execute("SELECT count(*) FROM notes").fetchone() == (3,)


def test_no_client_is_refused_while_a_killed_server_is_replaced(
    manager: Manager, listening: socket.socket
) -> None:
    """The socket takes connections all the time; what was acknowledged is there afterwards."""

    def restart_when_wanted() -> None:
        assert select.select([listening], [], [], PATIENCE)[0]
        manager.start(give=listening)

    process = manager.start(give=listening)
    with connect(manager.folder) as connection:
        connection.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY)")
    acknowledged = []
    for n in range(3):
        with connect(manager.folder) as connection:
            connection.execute("INSERT INTO notes VALUES (%s)", (n,))
            acknowledged.append((n,))
            process.kill()
            process.wait()
        restart = threading.Thread(target=restart_when_wanted)
        restart.start()
        with connect(manager.folder) as connection:
            assert connection.execute("SELECT id FROM notes ORDER BY id").fetchall() == acknowledged
        restart.join()
        process = manager.last
