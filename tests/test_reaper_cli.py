"""The reaper's command line: what it refuses, how it says so, and with which exit code."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from reaper.cli import main


@pytest.mark.parametrize("command", ["run", "once"])
@pytest.mark.parametrize("kind", ["missing", "file", "empty", "scheme", "keywords"])
def test_what_cannot_be_a_store_is_refused_and_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str, command: str
) -> None:
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("a file")
    if kind == "empty":
        target.mkdir()
    name = {"scheme": "mysql://host/db", "keywords": "host=x dbname=y"}.get(kind, str(target))
    assert main([command, name]) == 78
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert "is not supported" in errors if kind in {"scheme", "keywords"} else name in errors
    assert not (target.is_dir() and list(target.iterdir()))
    assert target.exists() == (kind in {"file", "empty"})


@pytest.mark.parametrize("command", ["run", "once", "status"])
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("postgresql://u:secret@[::1/db", "end of string reached when looking for matching"),
        ("postgresql://u:secret%@/db", "invalid percent-encoded token"),
        ("postgresql:///db?password=secret&sessions=1", "invalid URI query parameter"),
    ],
)
def test_a_url_that_cannot_be_understood_is_not_repeated(
    capsys: pytest.CaptureFixture[str], command: str, url: str, message: str
) -> None:
    assert main([command, url]) == 78
    assert (
        capsys.readouterr().err
        == f"chaisession-reaper: the postgresql:// URL cannot be understood: {message}\n"
    )


def test_a_path_that_the_system_does_not_take_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    path = "/" + "x" * 300
    assert main(["once", path]) == 78
    assert capsys.readouterr().err == f"chaisession-reaper: {path} cannot be used: File name too long\n"


@pytest.mark.parametrize("command", ["run", "once"])
def test_what_does_not_pass_by_itself_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (tmp_path / "pebble").mkdir()
    monkeypatch.setenv("CHAISQL_SERVER", "/nonexistent/chaisqld")
    assert main([command, str(tmp_path)]) == 78
    errors = capsys.readouterr().err
    assert "/nonexistent/chaisqld, which is not an executable file" in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("timeout", "message"),
    [
        ("10s", "the watchdog waits 20 s for a sign of life, and a call to the store may take twice"),
        ("9s", "does not exist"),  # the next thing that is looked at
    ],
)
def test_a_watchdog_that_would_bite_a_slow_call_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], timeout: str, message: str
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", "20000000")
    assert main(["run", "/nonexistent", "--timeout", timeout]) == 78
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing command"),
        (["once"], "Missing argument 'STORE'"),
        (["sweep"], "No such command 'sweep'"),
        (["run", "db", "--interval", "soon"], "'soon' is not a duration"),
        (["run", "db", "--interval", "5"], "'5' is not a duration: write a number and its unit"),
        (["once", "db", "--max-hold", "0"], "must be more than 0"),
        (["once", "db", "--batch-rows", "0"], "is not in the range"),
        (["once", "db", "--fast"], "No such option"),
    ],
)
def test_wrong_usage_is_one_line_and_64(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    monkeypatch.delenv("CHAISESSION_STORE", raising=False)
    assert main(arguments) == 64
    errors = capsys.readouterr().err
    assert message in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["once", "--help"]])
def test_the_help_tells_the_exit_codes(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert main(arguments) == 0
    told = re.findall(r"^ +(\d+)  ", capsys.readouterr().out, re.MULTILINE)
    assert told == ["0", "64", "70", "75", "78"]


def test_as_a_module_it_is_the_same_program() -> None:
    command = [sys.executable, "-m", "reaper", "run", "db", "--interval", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "chaisession-reaper: disabled (--interval 0)\n")
