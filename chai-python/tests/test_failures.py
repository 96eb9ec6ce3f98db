"""Bad input and bad luck: one clear error that names the path and what to do, in the time that was given."""

import fcntl
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

import chaisql
from chaisql.launch import Outcome, wait_ready

Script = Callable[[str], Path]


@pytest.mark.parametrize("wrong", [0, -1, float("inf"), float("nan")])
@pytest.mark.parametrize("option", ["start_timeout", "idle_exit"])
def test_times_are_checked_before_anything_is_touched(directory: Path, option: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=option):
        chaisql.connect(directory, **{option: wrong})
    assert not directory.exists()


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        chaisql.connect("")


def test_options_cannot_choose_another_address(directory: Path) -> None:
    with pytest.raises(ValueError, match="host: chosen by the database directory"):
        chaisql.connect(directory, host="elsewhere")


def test_a_file_is_not_a_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(chaisql.ServerError, match=r"file is not a directory: name the directory") as caught:
        chaisql.connect(path)
    assert caught.value.path == str(path)
    assert caught.value.permanent
    assert isinstance(caught.value, psycopg.OperationalError)


def test_the_parent_of_a_new_directory_must_exist(tmp_path: Path) -> None:
    with pytest.raises(chaisql.ServerError, match=r"there is no directory .*missing; create it first"):
        chaisql.connect(tmp_path / "missing" / "data")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(
        chaisql.ServerError, match=r"cannot write to .*: Permission denied; the database directory"
    ):
        chaisql.connect(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs Linux's /proc")
def test_a_file_system_that_cannot_be_written() -> None:
    with pytest.raises(
        chaisql.ServerError, match=r"cannot create /proc/chai: .*; the database directory must"
    ):
        chaisql.connect("/proc/chai")


def test_a_directory_with_other_files_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(chaisql.ServerError, match="not a chaisqld database") as caught:
        chaisql.connect(tmp_path)
    assert (caught.value.exit_code, caught.value.permanent) == (65, True)
    assert "thesis.txt" in caught.value.log_tail
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_directory_that_another_program_holds(directory: Path) -> None:
    directory.mkdir()
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(chaisql.ServerError, match="another program holds the directory") as caught:
            chaisql.connect(directory)
    finally:
        os.close(descriptor)
    assert (caught.value.exit_code, caught.value.permanent) == (75, False)
    assert str(directory) in str(caught.value)


def test_a_server_that_dies_at_start_tells_why(directory: Path, script: Script) -> None:
    script("echo the disk is made of cheese >&2; exit 70")
    with pytest.raises(chaisql.ServerError) as caught:
        chaisql.connect(directory)
    assert (caught.value.exit_code, caught.value.permanent) == (70, False)
    assert caught.value.log_tail == "the disk is made of cheese"
    assert str(caught.value).endswith("the server's last lines:\nthe disk is made of cheese")
    assert f"{directory} ended with exit code 70 (an internal failure" in str(caught.value)


def test_a_server_that_is_killed_at_start(directory: Path, script: Script) -> None:
    script("kill -9 $$")
    with pytest.raises(chaisql.ServerError, match="was killed by signal 9 before it was ready") as caught:
        chaisql.connect(directory)
    assert caught.value.exit_code == -9


def test_only_the_last_start_is_quoted(directory: Path, script: Script) -> None:
    for word in ("first", "second"):
        script(f"echo {word} >&2; exit 70")
        with pytest.raises(chaisql.ServerError) as caught:
            chaisql.connect(directory)
        assert caught.value.log_tail == word


def test_a_server_that_does_not_get_ready_in_time(
    directory: Path, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait_until_late(descriptor: int, **how: Any) -> Outcome:
        assert (tmp_path / "begun").read_text() == "begun\n"
        return wait_ready(descriptor, **how | {"timeout": 0.05})

    monkeypatch.setattr("chaisql.launch.wait_ready", wait_until_late)
    for name in ("begun", "end"):
        os.mkfifo(tmp_path / name)
    script(f"echo recovering >&2; echo begun >{tmp_path}/begun; read -r line <{tmp_path}/end")
    with pytest.raises(chaisql.ServerError, match=r"not ready after 30\.0 s; it goes on starting") as caught:
        chaisql.connect(directory)
    assert caught.value.exit_code is None
    assert caught.value.log_tail == "recovering"
    (tmp_path / "end").write_text("now\n")


def test_a_server_that_gives_up_its_pipe_but_runs_on_is_no_server(
    directory: Path, script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chaisql.launch.ENDING_SECONDS", 0.1)
    os.mkfifo(tmp_path / "end")
    script(f"exec 3>&-; read -r line <{tmp_path}/end")
    with pytest.raises(chaisql.ServerError, match="closed its ready pipe before it was ready"):
        chaisql.connect(directory)
    (tmp_path / "end").write_text("now\n")


def test_a_server_that_cannot_be_executed(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAISQL_SERVER", str(tmp_path / "absent"))
    with pytest.raises(
        chaisql.ServerError, match=r"CHAISQL_SERVER names .*absent, which is not an executable file"
    ):
        chaisql.connect(directory)


def test_waiting_for_another_start_is_bounded(directory: Path) -> None:
    directory.mkdir()
    with (directory / "start.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(chaisql.ServerError, match=r"no server of .* answered within 0\.2 s"):
            chaisql.connect(directory, start_timeout=0.2)


def test_a_stale_socket_is_replaced(directory: Path) -> None:
    directory.mkdir()
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(str(directory / ".s.PGSQL.5432"))
    with chaisql.connect(directory) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize(
    ("version", "remedy"),
    [
        ("15.0 (chaisqld 7.1.0)", "upgrade chai-python here, or let its users finish and stop it"),
        ("15.0 (chaisqld 0.10.0)", "upgrade chai-python here, or let its users finish and stop it"),
        (
            "15.0 (chaisqld 0.0.9)",
            "let its users finish and stop it with .*; the next connection then starts",
        ),
        ("15.0", "it is no chaisqld"),
    ],
)
def test_a_server_of_another_version_is_not_used(directory: Path, version: str, remedy: str) -> None:
    directory.mkdir()
    with listener(directory, version.encode()):
        with pytest.raises(chaisql.ServerError, match=f"but chai-python is .*: {remedy}") as caught:
            chaisql.connect(directory)
    assert f"is {version} but" in str(caught.value)
    assert caught.value.permanent


def test_a_server_of_another_patch_is_used(directory: Path) -> None:
    directory.mkdir()
    major, minor = chaisql.VERSION.split(".")[:2]
    with listener(directory, f"15.0 (chaisqld {major}.{minor}.99)".encode()):
        chaisql.connect(directory).close()


def test_a_server_that_accepts_and_says_nothing_does_not_hang_the_caller(directory: Path) -> None:
    directory.mkdir()
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(directory / ".s.PGSQL.5432"))
        silent.listen()
        with pytest.raises(psycopg.errors.ConnectionTimeout):
            chaisql.connect(directory, start_timeout=1)


@contextmanager
def listener(directory: Path, server_version: bytes) -> Iterator[None]:
    """Something that speaks enough of the protocol to be a server of another version."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(directory / ".s.PGSQL.5432"))
        sock.listen()
        thread = threading.Thread(target=greet, args=(sock, server_version))
        thread.start()
        yield
        thread.join(10)


def greet(sock: socket.socket, server_version: bytes) -> None:
    client, _ = sock.accept()
    with client:
        client.recv(4096)
        client.sendall(
            message(b"R", struct.pack("!i", 0))
            + message(b"S", b"server_version\0" + server_version + b"\0")
            + message(b"S", b"client_encoding\0UTF8\0")
            + message(b"K", struct.pack("!ii", 1, 1))
            + message(b"Z", b"I")
        )
        client.recv(4096)


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body
