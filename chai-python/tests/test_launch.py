"""Command lines and logs of servers."""

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

import chaisql
from chaisql import logfile
from chaisql.errors import ServerError
from chaisql.launch import command_line


@pytest.mark.parametrize(
    ("seconds", "text"), [(60.0, "60.000s"), (0.5, "0.500s"), (1, "1.000s"), (1e6, "1000000.000s")]
)
def test_seconds_are_written_as_go_reads_them(seconds: float, text: str) -> None:
    argv = command_line(Path("/data"), socket_dir=Path("/run"), idle_exit=seconds)
    assert argv[1:] == ["serve", "--dir", "/data", "--socket-dir", "/run", "--idle-exit", text]


@pytest.mark.parametrize("start", [chaisql.connect, lambda directory: chaisql.Server(directory).start()])
def test_a_server_does_not_speak_to_its_callers_service_manager(
    directory: Path,
    script: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[[Path], object],
) -> None:
    told = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "9", "WATCHDOG_PID": "7", "LISTEN_PID": "7"}
    told |= {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}
    for name, value in {**told, "CHAISQLD_LOG_LEVEL": "warn"}.items():
        monkeypatch.setenv(name, value)
    script(f"env >{directory.parent}/environment; exit 70")
    with pytest.raises(chaisql.ServerError, match="exit code 70"):
        start(directory)
    text = (directory.parent / "environment").read_text()
    heard = {line.partition("=")[0] for line in text.splitlines()}
    assert not heard & told.keys()
    assert {"CHAISQLD_LOG_LEVEL", "PATH"} <= heard


def test_a_log_is_appended_to(tmp_path: Path) -> None:
    for line in (b"one\n", b"two\n"):
        with logfile.open_log(tmp_path) as log:
            log.write(line)
    assert logfile.tail(tmp_path) == "one\ntwo"
    assert logfile.tail(tmp_path, 4) == "two"


def test_a_large_log_makes_room(tmp_path: Path) -> None:
    path = tmp_path / "chaisqld.log"
    path.write_bytes(b"x" * (logfile.KEEP_BYTES + 1))
    with logfile.open_log(tmp_path) as log:
        log.write(b"new\n")
    assert logfile.tail(tmp_path) == "new"
    assert (tmp_path / "chaisqld.log.1").stat().st_size == logfile.KEEP_BYTES + 1


def test_a_running_server_turns_its_log(directory: Path) -> None:
    directory.mkdir()
    path = directory / "chaisqld.log"
    path.write_bytes(b"x" * (logfile.KEEP_BYTES - 100))  # room for no more than its first words
    chaisql.connect(directory, idle_exit=1).close()
    assert (directory / "chaisqld.log.1").stat().st_size <= logfile.KEEP_BYTES
    assert "ready" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_tail_of_a_long_log_is_short(tmp_path: Path) -> None:
    (tmp_path / "chaisqld.log").write_text("".join(f"line {number}\n" for number in range(10_000)))
    assert logfile.tail(tmp_path).splitlines() == [f"line {number}" for number in range(9990, 10_000)]


def test_no_log_has_no_tail(tmp_path: Path) -> None:
    assert logfile.tail(tmp_path) == ""


def test_a_log_is_not_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "victim").touch()
    (tmp_path / "chaisqld.log").symlink_to(tmp_path / "victim")
    with pytest.raises(ServerError, match=r"cannot write the log .*chaisqld.log: .*symbolic link"):
        logfile.open_log(tmp_path)
