"""The command `shell`: where statements come from, and how it ends."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

import click

from chaisql.connection import connect
from chaisql.exits import CommandError, Exit
from chaisql.shell.commands import Leave, run_script
from chaisql.shell.interpreter import Interpreter
from chaisql.shell.table import printable
from chaisql.target import MEMORY, TargetKind, target_kind

EXTRA = "pip install 'chai-python[shell]'"


def _checked(context: click.Context, parameter: click.Parameter, target: str) -> str:
    try:
        target_kind(target)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from error
    return target


@click.command(short_help="An SQL shell.")
@click.argument("target", default=MEMORY, callback=_checked)
@click.option("-c", "--command", "commands", multiple=True, metavar="SQL", help="Run this and leave.")
@click.option(
    "-f", "--file", type=click.File(encoding="utf-8"), metavar="FILE", help="Run what it holds and leave."
)
@click.option("--timing", is_flag=True, help="Tell how long each statement took.")
def shell(target: str, *, commands: tuple[str, ...], file: TextIO | None, timing: bool) -> int:
    """Run SQL in TARGET: a directory, whose server is started when none runs, or a postgresql:// URL.

    Without TARGET in a database in memory. Statements are read from the terminal, or from standard input, and
    there the first that fails ends the shell with exit code 70. \\help tells the commands.
    """
    interpreter = Interpreter(
        lambda: connect(target, autocommit=True, application_name="chaisql shell"),
        out=sys.stdout,
        err=sys.stderr,
    )
    interpreter.timing = timing
    try:
        interpreter.open()
        if commands:
            return _run_all(interpreter, (part for text in commands for part in (text, "\n;\n")))
        if file is not None or not sys.stdin.isatty():
            return _run_all(interpreter, file or sys.stdin)
        _converse(interpreter, target)
    except UnicodeError as error:
        raise CommandError("the statements are not in UTF-8") from error
    except BrokenPipeError:  # the reader of our output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    finally:
        interpreter.close()
    return 0


def _converse(interpreter: Interpreter, target: str) -> None:
    try:
        from chaisql.shell.terminal import converse  # noqa: PLC0415 - belongs to an extra
    except ImportError as error:
        raise CommandError(f"on a terminal the shell needs {error}: {EXTRA}") from error
    info = interpreter.connection.info
    version = printable(info.parameter_status("server_version") or "a server")
    click.echo(f"Connected to {version}. \\help helps, \\q leaves.")
    kind = target_kind(target)
    if kind is TargetKind.MEMORY:
        click.echo("The database is in memory: it is gone when you leave.")
    name = Path(target).absolute().name if kind is TargetKind.DIRECTORY else info.dbname
    converse(interpreter, name=name, history=history_file())


def history_file() -> Path | None:
    """Where the XDG rules put it; None without a home."""
    folder = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(folder):  # noqa: PTH117 - an empty text is no path
        home = os.environ.get("HOME", "")
        if not os.path.isabs(home):  # noqa: PTH117
            return None
        folder = f"{home}/.local/state"
    return Path(folder) / "chaisql" / "shell_history"


def _run_all(interpreter: Interpreter, lines: Iterable[str]) -> int:
    try:
        return Exit.DONE if run_script(interpreter, lines) else Exit.FAILED
    except Leave:
        return Exit.DONE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
