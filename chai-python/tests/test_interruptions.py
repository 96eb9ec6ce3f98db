"""Commands that are interrupted, or killed, leave nothing that looks whole and is not."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import chaisql
from chaisql import cli, maintenance

Script = Callable[[str], Path]
TURNS = 12


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


@pytest.mark.parametrize("is_served", [False, True])
def test_a_backup_that_is_ended_is_whole_or_not_there(unserved: Path, is_served: bool) -> None:
    copies = [unserved.parent / f"copy{turn}" for turn in range(TURNS)]
    with chaisql.Server(unserved) if is_served else contextlib.nullcontext():
        for turn, copy in enumerate(copies):
            end_soon(command("backup", unserved, copy), turn)
    made = [copy for copy in copies if copy.exists()]
    assert len(made) < TURNS
    for copy in made:
        assert maintenance.check(copy, progress=lambda *_: None)["tables"][0]["rows"] == 100


def end_soon(argv: list[str], turn: int) -> None:
    """Interrupt or kill it, a little later each time: before, in and after its work."""
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(0.1 + turn * 0.02)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT if turn % 2 else signal.SIGKILL)
