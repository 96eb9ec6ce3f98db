"""One server for everybody who wants a directory, whatever becomes of it."""

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

import chaisql
from chaisql.directory import start_lock

PidOf = Callable[[psycopg.Connection[object]], int]
RACERS = Path(__file__).with_name("racers.py")
CREATE = "CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL)"


def test_a_missing_directory_becomes_a_database_for_this_user_alone(directory: Path) -> None:
    chaisql.connect(directory).close()
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [directory, *directory.iterdir()]}
    assert modes["data"] == 0o700
    for name in ("chaisqld.log", "chaisqld.json", "start.lock", ".s.PGSQL.5432"):
        assert modes[name] == 0o600, name


def test_connections_share_one_server(directory: Path, pid_of: PidOf) -> None:
    with chaisql.connect(str(directory)) as first, chaisql.connect(directory) as second:
        assert pid_of(first) == pid_of(second)


def test_links_to_a_directory_lead_to_its_server(directory: Path, tmp_path: Path, pid_of: PidOf) -> None:
    (tmp_path / "link").symlink_to(directory)
    with chaisql.connect(directory) as first, chaisql.connect(tmp_path / "link") as second:
        assert pid_of(first) == pid_of(second)


@pytest.mark.parametrize("attempt", range(5))
def test_twenty_racing_processes_get_one_server(directory: Path, attempt: int) -> None:
    done = subprocess.run(
        [sys.executable, RACERS, directory, "20"], check=True, capture_output=True, text=True, timeout=60
    )
    met = json.loads(done.stdout)
    assert not done.stderr
    assert len(met) == 20
    assert len(set(met)) == 1


def test_racing_threads_get_one_server(directory: Path, pid_of: PidOf) -> None:
    with ThreadPoolExecutor(8) as pool:
        connections = list(pool.map(chaisql.connect, [directory] * 8))
    assert len({pid_of(connection) for connection in connections}) == 1
    for connection in connections:
        connection.close()


def test_after_kill_9_the_next_connect_starts_a_new_server_with_all_that_was_committed(
    directory: Path, pid_of: PidOf, wait_gone: Callable[[int], None]
) -> None:
    with chaisql.connect(directory, autocommit=True) as connection:
        connection.execute(CREATE)
        connection.execute("INSERT INTO notes (id, body) VALUES (1, 'kept')")
        killed = pid_of(connection)
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert (directory / ".s.PGSQL.5432").exists()
    with chaisql.connect(directory) as connection:
        assert pid_of(connection) != killed
        assert connection.execute("SELECT body FROM notes WHERE id = 1").fetchone() == ("kept",)


def test_a_server_on_its_way_out_is_followed_by_a_new_one(
    directory: Path, pid_of: PidOf, wait_gone: Callable[[int], None]
) -> None:
    for _ in range(5):
        with chaisql.connect(directory) as connection:
            leaving = pid_of(connection)
        os.kill(leaving, signal.SIGTERM)
        chaisql.connect(directory).close()  # by the old one, if it has not noticed yet
        wait_gone(leaving)
        with chaisql.connect(directory) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_start_that_waits_for_another_one_is_not_waited_for(
    directory: Path, tmp_path: Path, script: Callable[[str], Path]
) -> None:
    """Somebody was killed while a server was starting for him: it gets ready after we have started ours."""
    real = chaisql.find_server()
    os.mkfifo(tmp_path / "end")
    script(
        f'"{real}" --dir {directory} --idle-exit 1s >/dev/null 2>&1 3>&- & '
        f"read -r line <{tmp_path}/end; exit 75"
    )
    with chaisql.connect(directory, start_timeout=20) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    (tmp_path / "end").write_text("now\n")


def test_an_idle_server_ends_and_is_started_again(
    directory: Path, pid_of: PidOf, wait_gone: Callable[[int], None]
) -> None:
    with chaisql.connect(directory, idle_exit=0.3) as connection:
        pid = pid_of(connection)
    wait_gone(pid)
    assert not (directory / ".s.PGSQL.5432").exists()
    assert not (directory / "chaisqld.json").exists()
    with chaisql.connect(directory, idle_exit=0.3) as connection:
        assert pid_of(connection) != pid


def test_a_used_server_does_not_end(directory: Path, pid_of: PidOf) -> None:
    with chaisql.connect(directory, idle_exit=0.2) as connection:
        time.sleep(0.6)  # thrice the idle time; nothing else tells that something did not happen
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_connecting_in_the_moment_of_the_idle_exit_works(directory: Path) -> None:
    for turn in range(30):
        with chaisql.connect(directory, idle_exit=0.02) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        time.sleep(turn / 1000)  # ends before, at and after the idle time


def test_the_server_is_on_its_own(directory: Path, tmp_path: Path, pid_of: PidOf) -> None:
    """Not our child, not in our session, without the files that we would hand on."""
    with (tmp_path / "ours").open("w") as ours, chaisql.connect(directory) as connection:
        os.set_inheritable(ours.fileno(), True)
        pid = pid_of(connection)
        assert parent_of(pid) != os.getpid()
        assert os.getsid(pid) != os.getsid(0)
        assert str(tmp_path / "ours") not in open_files(pid)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def test_parent_and_forked_child_use_the_same_server(directory: Path) -> None:
    program = (
        "import chaisql, os, sys\n"
        "first = chaisql.connect(sys.argv[1])\n"
        "child = os.fork()\n"
        "second = chaisql.connect(sys.argv[1])\n"
        "assert second.execute('SELECT 1').fetchone() == (1,)\n"
        "if not child: os._exit(0)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert first.execute('SELECT 1').fetchone() == (1,)\n"
    )
    subprocess.run([sys.executable, "-c", program, directory], check=True, timeout=30)


def test_a_process_forked_during_a_start_does_not_keep_the_start_lock(tmp_path: Path) -> None:
    with start_lock(tmp_path) as held:
        assert held
        # keeps a copy of the descriptor, as a worker forked at this moment would
        child = subprocess.Popen(["sleep", "60"], pass_fds=locks_of_this_process())
    try:
        with start_lock(tmp_path) as held:
            assert held
    finally:
        child.kill()
        child.wait()


def test_a_held_start_lock_is_waited_for_and_not_longer_than_told(tmp_path: Path) -> None:
    begun = time.monotonic()
    with start_lock(tmp_path) as first, start_lock(tmp_path, timeout=0.1) as second:
        assert first
        assert not second
    assert 0.1 <= time.monotonic() - begun < 30


def parent_of(pid: int) -> int:
    return int(subprocess.check_output(["ps", "-o", "ppid=", "-p", str(pid)]))


def open_files(pid: int) -> set[str]:
    return {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}


def locks_of_this_process() -> list[int]:
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the descriptor of this very listing
            if entry.readlink().name == "start.lock":
                found.append(int(entry.name))
    return found
