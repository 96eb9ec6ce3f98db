"""What the service manager is told, over a real datagram socket."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from reaper.supervise import Supervisor

Manager: TypeAlias = tuple[socket.socket, str]


@pytest.fixture
def manager() -> Iterator[Manager]:  # not in tmp_path, whose name may be too long for a socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        path = f"/tmp/reaper-notify-{os.getpid()}"
        sock.bind(path)
        sock.settimeout(5)
        try:
            yield sock, path
        finally:
            Path(path).unlink()


def test_ready_and_status_arrive_in_one_message(manager: Manager) -> None:
    sock, path = manager
    Supervisor({"NOTIFY_SOCKET": path}).ready("at work")
    assert sock.recv(1000) == b"READY=1\nSTATUS=at work"


def test_a_status_is_a_sign_of_life_where_a_watchdog_watches(manager: Manager) -> None:
    sock, path = manager
    supervisor = Supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000"})
    supervisor.status("fine")
    assert sock.recv(1000) == b"STATUS=fine\nWATCHDOG=1"
    assert supervisor.watchdog == 2.0


def test_stopping_is_announced(manager: Manager) -> None:
    sock, path = manager
    Supervisor({"NOTIFY_SOCKET": path}).stopping()
    assert sock.recv(1000) == b"STOPPING=1\nSTATUS=stopping"


def test_an_address_in_the_abstract_namespace_is_understood() -> None:
    name = f"reaper-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind("\0" + name)
        sock.settimeout(5)
        Supervisor({"NOTIFY_SOCKET": "@" + name}).ready("up")
        assert sock.recv(1000).startswith(b"READY=1")


@pytest.mark.parametrize("address", ["", "/nonexistent/notify", "vsock:2:1234"])
def test_no_manager_is_no_failure(address: str) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000000"})
    before = open_files()
    for tell in (supervisor.heartbeat, supervisor.reloading, supervisor.stopping):
        tell()
    supervisor.ready("up")
    assert open_files() == before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_full_socket_is_not_waited_for(manager: Manager) -> None:
    sock, path = manager
    supervisor = Supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "1000000"})
    many = 10_000
    for _ in range(many):
        supervisor.heartbeat()
    sock.setblocking(False)
    arrived = 0
    with pytest.raises(BlockingIOError):
        while sock.recv(1000) == b"WATCHDOG=1":
            arrived += 1
    assert 0 < arrived < many, "it never was full"


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
    ],
)
def test_the_watchdog_is_the_one_meant_for_this_process(
    variables: dict[str, str], seconds: float | None
) -> None:
    assert Supervisor(variables).watchdog == seconds
