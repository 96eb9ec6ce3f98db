"""What a person at a terminal sees, and nobody else."""

import contextlib
import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from chaisql.progress import Bar, read_event


def drawn_by(draw: Callable[[int], object]) -> str:
    """What *draw* writes to the terminal that it is given."""
    ours, theirs = pty.openpty()
    try:
        draw(theirs)
    finally:
        os.close(theirs)
    drawn = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal, contextlib.suppress(OSError):  # EIO is its end
        while part := terminal.read(4096):
            drawn += part
    return drawn.decode()


@pytest.mark.parametrize("command", ["backup", "check"])
def test_a_terminal_gets_a_bar(unserved: Path, command: str) -> None:
    argv = [sys.executable, "-m", "chaisql", command, str(unserved)]
    argv += [str(unserved.parent / "copy")] if command == "backup" else []
    out = b""

    def run(terminal: int) -> None:
        nonlocal out
        out = subprocess.run(argv, stdout=subprocess.PIPE, stderr=terminal, timeout=60, check=True).stdout

    drawn = drawn_by(run)
    assert "100%" in drawn
    assert ("copy" in drawn) == (command == "backup")
    assert out.count(b"\n") == 1


def test_each_step_gets_a_bar_that_ends_full() -> None:
    def draw(terminal: int) -> None:
        with os.fdopen(os.dup(terminal), "w") as stream, Bar(stream) as bar:
            for event in [("check", 5, 10), ("check", 9, 10), ("check", 2, 12), ("mend", 0, 0)]:
                bar(*event)

    lines = [line.split("\r")[-1] for line in drawn_by(draw).split("\r\n")]
    assert [re.findall(r"check|mend|\d+%", line) for line in lines if line] == [
        ["check", "100%"],
        ["check", "100%"],
        ["mend", "100%"],
    ]


def test_a_bar_that_is_interrupted_stays_where_it_is() -> None:
    def draw(terminal: int) -> None:
        with os.fdopen(os.dup(terminal), "w") as stream:
            with pytest.raises(KeyboardInterrupt), Bar(stream) as bar:
                bar("copy", 5, 10)
                raise KeyboardInterrupt

    drawn = drawn_by(draw)
    assert "50%" in drawn
    assert "100%" not in drawn


@pytest.mark.parametrize(
    "text", ["", "no", "7", '{"progress": 7}', '{"progress": {"step": "x"}}', '{"result": {}}']
)
def test_other_lines_are_no_progress(text: str) -> None:
    assert read_event(text) is None
