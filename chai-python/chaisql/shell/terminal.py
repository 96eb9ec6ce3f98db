"""Talk to a person: a prompt with history and editing, on prompt_toolkit."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import psycopg

try:
    from prompt_toolkit import PromptSession, print_formatted_text
    from prompt_toolkit.application.current import get_app
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.filters import Condition
    from prompt_toolkit.history import FileHistory, History, InMemoryHistory
    from prompt_toolkit.shortcuts import CompleteStyle
except ImportError as missing:  # the extra is not installed
    raise ImportError("prompt_toolkit") from missing

from chaisql.shell.commands import Leave, run_command
from chaisql.shell.interpreter import Interpreter
from chaisql.shell.statements import open_part, split

# What Tab completes, besides the names of tables and columns.
_KEYWORDS = """
    AND BEGIN BETWEEN BIGINT BOOLEAN BYTEA COMMIT CONFLICT CREATE DEFAULT DELETE DOUBLE DROP EXISTS FROM INDEX
    INSERT INTEGER INTO LIMIT NOTHING NULL OFFSET ORDER PRECISION PRIMARY RETURNING ROLLBACK SELECT SHOW TABLE
    TEXT TIMESTAMP UPDATE VALUES WHERE
"""
# What a person types alone on a line and psql takes for a command.
_WORDS = {"quit": "\\q", "exit": "\\q", "help": "\\help"}
_MARKS = {
    psycopg.pq.TransactionStatus.INTRANS: "*",
    psycopg.pq.TransactionStatus.INERROR: "!",
}


def converse(interpreter: Interpreter, *, name: str, history: Path | None) -> None:
    """Read and run statements until the person leaves.

    :param name: what the prompt begins with.
    :param history: a file that keeps what was typed, for its owner alone; None keeps nothing.
    """
    known: set[str] = set()
    session: PromptSession[str] = PromptSession(
        history=_open_history(history),
        multiline=Condition(lambda: not complete(get_app().current_buffer.text)),
        completer=WordCompleter(lambda: [*sorted(known), *_KEYWORDS.split()], ignore_case=True),
        complete_while_typing=False,
        complete_style=CompleteStyle.READLINE_LIKE,
    )
    while True:
        typed = False
        try:
            known = interpreter.names() or known
            text = session.prompt(_prompt(interpreter, name), prompt_continuation=_continuation(name))
            typed = True
            _run(interpreter, text)
        except KeyboardInterrupt:  # drops what was being typed; a statement the driver has cancelled
            if typed:
                print_formatted_text("cancelled")
        except (EOFError, Leave):
            return


def complete(text: str) -> bool:
    """Whether Enter ends the input: at a command, after a semicolon, and where there is nothing yet."""
    return text.lstrip().startswith("\\") or _word(text) in _WORDS or not split(text)[1]


def _word(text: str) -> str:
    return text.strip().rstrip(";").rstrip().lower()


def _run(interpreter: Interpreter, text: str) -> None:
    if _word(text) in _WORDS:
        text = _WORDS[_word(text)]
    if text.lstrip().startswith("\\"):
        run_command(interpreter, text)
        return
    for statement in split(text)[0]:
        if not interpreter.execute(statement):
            return


def _prompt(interpreter: Interpreter, name: str) -> Callable[[], str]:
    return lambda: f"{name}={_MARKS.get(interpreter.status, '')}> "


def _continuation(name: str) -> Callable[[int, int, int], str]:
    """What is left open above a line begins it, as in psql."""

    def prompt(width: int, line: int, _wrapped: int) -> str:
        above = get_app().current_buffer.document.lines[:line]
        return f"{name}{open_part(chr(10).join(above))}> ".rjust(width)

    return prompt


def _open_history(path: Path | None) -> History:
    """A file of mode 0600 in a folder of mode 0700, or memory where there can be none."""
    if path is not None:
        with contextlib.suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW, 0o600)
            try:
                os.fchmod(descriptor, 0o600)
            finally:
                os.close(descriptor)
            return FileHistory(str(path))
    return InMemoryHistory()
