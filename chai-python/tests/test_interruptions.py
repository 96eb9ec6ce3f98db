"""Commands that are interrupted, or killed, leave nothing that looks whole and is not."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import chaisql
from chaisql import cli, maintenance

Script = Callable[[str], Path]


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "chaisql", *map(str, arguments)]


def test_ctrl_c_ends_the_child_too(directory: Path, script: Script, tmp_path: Path) -> None:
    directory.mkdir()
    os.mkfifo(tmp_path / "started")
    script(f"echo $$ >{tmp_path}/started; exec sleep 60")
    argv = command("backup", directory, tmp_path / "copy")
    with subprocess.Popen(argv, stderr=subprocess.PIPE, text=True) as process:
        child = int((tmp_path / "started").read_text())
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (130, "chaisql: interrupted")
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_ctrl_c_cancels_what_a_server_does(
    served: psycopg.Connection[Any],
    directory: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def press(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("chaisql.cli_maintenance.Bar.__call__", press)
    assert cli.main(["check", str(directory)]) == 130
    assert capsys.readouterr().err.strip() == "chaisql: interrupted"
    assert served.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_backup_that_is_ended_is_whole_or_not_there(unserved: Path, how: signal.Signals) -> None:
    """Ended where nobody takes its lines of progress: the first, a later one, and none."""
    codes = {}
    for room in (0, 60, 120, 180, 4000):
        copy = unserved.parent / f"copy{room}"
        codes[room] = end_without_room(["backup", "--dir", str(unserved), "--to", str(copy)], room, how)
        assert copy.exists() or codes[room] != 0
        if copy.exists():
            assert maintenance.check(copy, progress=quiet)["tables"][0]["rows"] == 100
    assert codes[4000] == 0
    if how is signal.SIGKILL:
        assert codes[0] == -signal.SIGKILL
        assert not (unserved.parent / "copy0").exists()


def end_without_room(arguments: list[str], room: int, how: signal.Signals) -> int:
    """Run the command with so many bytes free in the pipe that it writes to; its exit code.

    The signal comes when its work has begun, and finds it at a line that has no room, if it writes so many.
    """
    ours, theirs = os.pipe()
    size = fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)
    os.write(theirs, b"\n" * (size - room))
    argv = [chaisql.find_server(), *arguments, "--json", "--progress", "json"]
    before = set(Path(arguments[2]).parent.iterdir())
    process = subprocess.Popen(argv, stdout=theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as output, process:
        deadline = time.monotonic() + 30
        while process.poll() is None and set(Path(arguments[2]).parent.iterdir()) == before:
            assert time.monotonic() < deadline, "it does not begin"
            time.sleep(0.001)
        if room < 4000:
            process.send_signal(how)
        output.read()
    return process.returncode


PROGRAM = """
import sys
from pathlib import Path
from chaisql import maintenance
tell = lambda *event: print(*event, flush=True)
print(maintenance.backup(Path(sys.argv[1]), Path(sys.argv[2]), progress=tell), flush=True)
"""


def test_a_server_makes_a_backup_or_none_when_its_client_is_ended(unserved: Path) -> None:
    copies = [unserved.parent / f"copy{turn}" for turn in range(4)]
    with chaisql.Server(unserved):
        for turn, copy in enumerate(copies):
            argv = [sys.executable, "-c", PROGRAM, str(unserved), str(copy)]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
                assert client.stdout is not None
                assert client.stdout.readline().startswith(b"copy 0 ")  # its work has begun
                if turn:
                    client.send_signal(signal.SIGINT if turn % 2 else signal.SIGKILL)
                client.stdout.read()
    assert copies[0].exists()
    for copy in copies:
        if copy.exists():
            assert maintenance.check(copy, progress=quiet)["tables"][0]["rows"] == 100


def quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody watches."""
