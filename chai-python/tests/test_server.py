"""A server as a child of the program that wants it."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

import chaisql
from chaisql.directory import start_lock

Script = Callable[[str], Path]


def test_a_with_block_is_a_servers_life(directory: Path) -> None:
    with chaisql.Server(directory) as server:
        pid = server.pid
        assert pid is not None
        assert pid != os.getpid()
        server.connect().close()
    assert server.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not (directory / ".s.PGSQL.5432").exists()


def test_both_forms_of_its_address_work(directory: Path) -> None:
    with chaisql.Server(directory) as server:
        for address in (server.dsn, server.conninfo):
            with psycopg.connect(address) as connection:
                assert connection.execute("SELECT 1").fetchone() == (1,)
        with chaisql.connect(server.dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_url_has_the_time_that_is_given(directory: Path) -> None:
    with chaisql.Server(directory) as server:
        for url, options, seconds in [
            (server.dsn, {}, "7"),
            (server.dsn, {"connect_timeout": 9}, "9"),
            (f"{server.dsn}&connect_timeout=8", {}, "8"),
        ]:
            with chaisql.connect(url, start_timeout=6.5, **options) as connection:
                assert connection.info.get_parameters()["connect_timeout"] == seconds


def test_connect_by_directory_finds_it(directory: Path, pid_of: Callable[[object], int]) -> None:
    with chaisql.Server(directory) as server, chaisql.connect(directory) as connection:
        assert pid_of(connection) == server.pid


def test_a_database_in_memory_can_be_shared(runtime: Path) -> None:
    with (
        chaisql.Server(":memory:") as server,
        server.connect(autocommit=True) as first,
        server.connect() as second,
    ):
        first.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY)")
        assert second.execute("SELECT id FROM notes").fetchall() == []
    assert list(runtime.rglob("*")) == [runtime / "chaisql"]


def test_what_was_committed_is_there_after_a_restart(directory: Path) -> None:
    server = chaisql.Server(directory)
    with server, server.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY)")
        connection.execute("INSERT INTO notes (id) VALUES (1)")
    with server, server.connect() as connection:
        assert connection.execute("SELECT id FROM notes").fetchall() == [(1,)]


def test_a_directory_is_served_once(directory: Path) -> None:
    with chaisql.Server(directory) as server:
        with pytest.raises(chaisql.ServerError, match=f"process {server.pid} serves .* already"):
            chaisql.Server(directory).start()
        with pytest.raises(chaisql.ServerError, match="was started already"):
            server.start()
        server.connect().close()


def test_a_server_that_is_not_started_has_no_address(directory: Path) -> None:
    server = chaisql.Server(directory)
    server.stop()
    with pytest.raises(chaisql.ServerError, match="is not started"):
        _ = server.dsn
    assert server.pid is None


def test_a_killed_server_is_noticed_and_can_be_started_again(directory: Path) -> None:
    with chaisql.Server(directory) as server:
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert server.pid is None
        with pytest.raises(chaisql.ServerError, match="has ended"):
            server.connect()
        server.stop()
        server.start()
        server.connect().close()


def test_a_forked_child_does_not_stop_its_parents_server(directory: Path) -> None:
    with chaisql.Server(directory) as server:
        if not (child := os.fork()):
            server.stop()
            os._exit(0)
        os.waitpid(child, 0)
        server.connect().close()


def test_a_start_that_fails_leaves_no_process(directory: Path, script: Script) -> None:
    script("echo no >&2; exit 73")
    server = chaisql.Server(directory)
    with pytest.raises(chaisql.ServerError, match="exit code 73") as caught:
        server.start()
    assert caught.value.log_tail == "no"
    assert server.pid is None


def test_a_start_that_takes_too_long_is_ended(directory: Path, script: Script, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "end")
    script(f"read -r line <{tmp_path}/end")
    with pytest.raises(chaisql.ServerError, match=r"not ready after 0\.2 s"):
        chaisql.Server(directory, start_timeout=0.2).start()


def test_a_server_that_does_not_stop_is_killed(
    directory: Path, script: Script, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    os.mkfifo(tmp_path / "end")
    script(
        "trap '' TERM; for word; do fd=$word; done\n"
        f"echo ready >/proc/self/fd/$fd; while :; do read -r line <{tmp_path}/end; done"
    )
    server = chaisql.Server(directory).start()
    with caplog.at_level(logging.WARNING):
        server.stop(timeout=0.2)
    assert "did not stop within 0.2 s" in caplog.text


PENDING = """
import signal, sys
import chaisql
signal.signal(signal.SIGALRM, signal.default_int_handler)
for turn in range(int(sys.argv[2])):
    signal.setitimer(signal.ITIMER_REAL, 0.0005 * (turn + 1))
    try:
        with chaisql.Server(sys.argv[1]):
            signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_starts_that_are_interrupted_leave_no_process(short_path: Path, script: Script) -> None:
    """Wherever Ctrl-C meets them: before the child is there, while it comes to be, while it is waited for."""
    turns = 30
    script(f"echo $$ >>{short_path}/pids; exec 7<>{short_path}/alive; read -r line <&7")
    os.mkfifo(short_path / "alive")
    done = subprocess.run(
        [sys.executable, "-c", PENDING, short_path / "data", str(turns)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("interrupted") == turns
    left = []
    for pid in map(int, (short_path / "pids").read_text().split()):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            left.append(pid)
    assert left == []


def test_a_start_in_memory_that_is_interrupted_leaves_nothing(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids: list[int | None] = []

    def press(*_: object, **__: object) -> None:
        pids.append(server.pid)
        raise KeyboardInterrupt

    monkeypatch.setattr("chaisql.server.wait_ready", press)
    server = chaisql.Server(":memory:")
    with pytest.raises(KeyboardInterrupt):
        server.start()
    assert server.pid is None
    assert pids[0] is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    assert list(runtime.rglob("*")) == [runtime / "chaisql"]


def test_a_start_lock_that_others_keep_is_told(directory: Path) -> None:
    directory.mkdir()
    with start_lock(directory) as held:
        assert held
        with pytest.raises(
            chaisql.ServerError, match=r"start\.lock for 0\.1 s: .* try again later"
        ) as caught:
            chaisql.Server(directory, start_timeout=0.1).start()
    assert not caught.value.permanent


def test_it_takes_no_more_connections_than_told(directory: Path) -> None:
    with chaisql.Server(directory, max_connections=1) as server, server.connect():
        with pytest.raises(psycopg.OperationalError, match="connections"):
            server.connect()
