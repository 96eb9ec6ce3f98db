"""The SQL shell on a terminal: a person types, and looks at the screen."""

import os
import pty
import re
import select
import signal
import stat
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

import chaisql

SECONDS = 30
ESCAPE = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[=>()][A-Z0-9]?)")


class Person:
    """Somebody at a terminal in which the shell runs."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (40, 120))
        variables = {
            "HOME": str(home),
            "TERM": "xterm",
            "XDG_STATE_HOME": "",
            "PROMPT_TOOLKIT_NO_CPR": "1",  # this terminal answers no questions
        }
        self.shell = subprocess.Popen(
            [sys.executable, "-m", "chaisql", "shell", str(directory)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env={**os.environ, **variables},
            preexec_fn=lambda: os.close(os.open(os.ttyname(0), os.O_RDWR)),  # noqa: PLW1509 - the terminal becomes its own
        )
        os.close(slave)
        self.screen = ""

    def types(self, text: str) -> None:
        os.write(self.master, text.encode())

    def sees(self, text: str, *, typing: str = "") -> str:
        """Wait for the text, *typing* again when nothing comes; what was shown before it."""
        self.types(typing)
        deadline = time.monotonic() + SECONDS
        while text not in (shown := ESCAPE.sub("", self.screen).replace("\r", "")):
            assert time.monotonic() < deadline, f"{text!r} is not on the screen: {shown!r}"
            if not select.select([self.master], [], [], 1)[0]:
                self.types(typing)
                continue
            try:
                self.screen += os.read(self.master, 65536).decode()
            except OSError:  # the other end is closed
                pytest.fail(f"{text!r} was not on the screen: {shown!r}")
        before, self.screen = shown.split(text, 1)
        return before

    def waits_for_an_answer(self) -> None:
        """Wait until the prompt is over: it reads Ctrl-C itself, while it is there."""
        deadline = time.monotonic() + SECONDS
        while not termios.tcgetattr(self.master)[3] & termios.ISIG:
            assert time.monotonic() < deadline, "the prompt is still there"
            time.sleep(0.01)

    def cancels(self, statement: str) -> None:
        """Press Ctrl-C while the statement runs: again, when that came too early and only dropped it."""
        for _ in range(20):
            self.types(f"{statement}\r")
            self.sees(f"{statement}\n")
            self.waits_for_an_answer()
            if "cancelled" in self.sees("data=>", typing="\x03"):
                return
        pytest.fail(f"{statement} was never cancelled")

    def leaves(self, how: str = "\x04", *, prompt: str = "data=>") -> None:
        """Type Ctrl-D, or what else ends the shell, at the next prompt."""
        self.sees(prompt)
        self.types(how)
        assert self.shell.wait(timeout=SECONDS) == 0
        os.close(self.master)


@pytest.fixture
def sit_down(directory: Path, tmp_path: Path) -> Iterator[Callable[[], Person]]:
    """Start a shell for the directory and wait until it greets."""
    people: list[Person] = []

    def start() -> Person:
        person = Person(directory, tmp_path)
        people.append(person)
        person.sees("\\q leaves.")
        person.sees("data=>")
        return person

    yield start
    for person in people:
        if person.shell.poll() is None:
            person.shell.kill()
            person.shell.wait()


def test_a_person_types_statements(sit_down: Callable[[], Person], tmp_path: Path) -> None:
    person = sit_down()
    person.types("CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT);\r")
    person.sees("CREATE TABLE\n")
    person.sees("data=>")
    person.types("INSERT INTO notes\r")
    person.sees("data->")
    person.types("VALUES (1, 'hello');\r")
    person.sees("INSERT 0 1\n")
    person.sees("data=>")
    person.types("\\d notes\r")
    person.sees("notes_pkey PRIMARY KEY, (id)")
    person.sees("data=>")
    person.types("BEGIN; SELECT body FROM notes;\r")
    person.sees(" hello\n(1 row)\n")
    person.sees("data=*>")
    person.types("SELEC 1;\r")
    person.sees("(42601)\nLINE 1: SELEC 1\n        ^\n")
    person.leaves(prompt="data=!>")

    history = tmp_path / ".local/state/chaisql/shell_history"
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert stat.S_IMODE(history.parent.stat().st_mode) == 0o700
    assert "+VALUES (1, 'hello');" in history.read_text()


def test_a_person_sees_what_is_open_and_may_say_quit(sit_down: Callable[[], Person]) -> None:
    person = sit_down()
    for typed, prompt in (
        ("SELECT 'it", "data'>"),
        ("', (", "data(>"),
        ("1), /*", "data*>"),
        ("*/ 'quit',", "data->"),
    ):
        person.types(f"{typed}\r")
        person.sees(prompt)
    person.types("2;\r")
    person.sees("(1 row)\n")
    person.sees("data=>")
    person.types("HELP\r")
    person.sees("\\i FILE")
    person.leaves("quit;\r")


def test_the_history_is_there_again(sit_down: Callable[[], Person], tmp_path: Path) -> None:
    history = tmp_path / ".local/state/chaisql/shell_history"
    history.parent.mkdir(parents=True)
    history.write_text("\n# 2030-01-02 03:04:05\n+SELECT 40 + 2;\n")
    history.chmod(0o644)  # by a careless hand
    person = sit_down()
    person.types("\x1b[A")
    person.sees("SELECT 40 + 2;")
    person.types("\r")
    person.sees(" 42\n(1 row)\n")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    person.leaves("\\q\r")


def test_ctrl_c_drops_what_is_typed_and_cancels_what_runs(
    served: psycopg.Connection[Any], sit_down: Callable[[], Person]
) -> None:
    person = sit_down()
    person.types("DELETE FROM notes\x03")
    person.types("SELECT 1;\r")
    person.sees("(1 row)\n")
    person.sees("data=>")
    with served.transaction():
        served.execute("DELETE FROM notes WHERE id = 1")  # holds the writer, for which the shell must wait
        person.cancels("DELETE FROM notes;")
    person.types("SELECT count(*) FROM notes;\r")
    person.sees(" 99\n")
    person.leaves()


def test_tab_completes_names(served: psycopg.Connection[Any], sit_down: Callable[[], Person]) -> None:
    person = sit_down()
    person.types("sel\t bod\t fr\t note\t where id = 7;\r")
    person.sees(" body\n")
    person.sees(" note 7\n(1 row)\n")
    person.leaves()


def test_the_shell_outlives_its_server(
    directory: Path, sit_down: Callable[[], Person], pid_of: Callable[[psycopg.Connection[Any]], int]
) -> None:
    person = sit_down()
    with chaisql.connect(directory) as connection:
        pid = pid_of(connection)
    os.kill(pid, signal.SIGKILL)
    person.types("SELECT 1;\r")
    person.sees("ERROR:  ")
    person.sees("data=>")
    person.types("SELECT 2 + 3;\r")
    person.sees("the connection was lost; this is a new one")
    person.sees(" 5\n")
    person.leaves()


def test_without_the_extra_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "prompt_toolkit", None)
    monkeypatch.delitem(sys.modules, "chaisql.shell.terminal", raising=False)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    from chaisql import cli

    assert cli.main(["shell"]) == 70
    assert capsys.readouterr().err == (
        "chaisql: on a terminal the shell needs prompt_toolkit: pip install 'chai-python[shell]'\n"
    )
