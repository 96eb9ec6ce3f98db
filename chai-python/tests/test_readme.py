"""What the README shows works, and it shows every command."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from chaisql import cli
from chaisql.address import published_address
from chaisql.exits import MEANINGS
from chaisql.probe import ask
from chaisql.process import end

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^python -m chaisql ([^#\n]*)", re.MULTILINE)


def test_its_examples_run_one_after_another(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = README.read_text()
    monkeypatch.chdir(directory.parent)
    names: dict[str, Any] = {}
    notes = published_address(directory.parent / "notes")
    try:
        for match in BLOCK.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            exec(compile("\n" * line + match[1], str(README), "exec"), names)
    finally:
        if pid := ask(notes).pid:
            assert end(pid, timeout=15)
    assert capsys.readouterr().out.startswith("('hello',)\n")


def test_it_lists_every_command() -> None:
    shown = [shlex.split(words) for words in SHELL.findall(README.read_text())]
    assert {words[0] for words in shown} == set(cli.cli.commands)
    for words in shown:  # its arguments and options are understood
        cli.cli.commands[words[0]].make_context(words[0], words[1:])


def test_it_lists_every_exit_code() -> None:
    codes = re.findall(r"^\| (\d+) \| (.*) \|$", README.read_text(), re.MULTILINE)
    assert {int(code): meaning for code, meaning in codes} == MEANINGS
