"""Backslash commands, and scripts: lines of statements and commands, one after the other."""

from collections.abc import Iterable
from pathlib import Path

import psycopg

from chaisql.shell.describe import describe_indexes, describe_relations, describe_table, describe_tables
from chaisql.shell.interpreter import Interpreter
from chaisql.shell.statements import split
from chaisql.shell.table import printable

HELP = """\
A statement ends with ; and may take several lines.
  \\d         list the tables and indexes
  \\dt, \\di   the tables, or the indexes, alone
  \\d TABLE   its columns and indexes
  \\x         a line for each column of a row, or no longer
  \\timing    tell, or no longer tell, how long statements take
  \\i FILE    run the statements and commands of a file, up to the first that fails
  \\help      this
  \\q         leave, as quit, exit and Ctrl-D do
Ctrl-C ends a statement that runs, or drops what is typed.
SQL: SELECT, INSERT, UPDATE, DELETE on one table, CREATE, DROP, BEGIN, COMMIT, ROLLBACK.\
"""
_ONE = "a shell has one database: leave, and start it with another directory or URL"
# What psql has and a shell of one database cannot.
_ELSEWHERE = {
    "\\l": "there is one database, which \\d describes",
    "\\c": _ONE,
    "\\connect": _ONE,
}
# What the server takes, in bytes. What has no end yet is looked at anew with each line, so it must not grow.
STATEMENT_LIMIT = 16 * 1024
# Of files that read each other.
_DEPTH_LIMIT = 10


class Leave(Exception):  # noqa: N818 - it is no error
    """The person wants to leave the shell."""


def run_script(shell: Interpreter, lines: Iterable[str], *, depth: int = 0) -> bool:
    """Run statements and commands as they come in; False after the first that failed."""
    rest = ""
    for line in lines:
        if not rest and line.lstrip().startswith("\\"):
            done = run_command(shell, line, depth=depth)
        else:
            statements, rest = split(rest + line)
            done = all(map(shell.execute, statements))
        if done and len(rest) > STATEMENT_LIMIT:
            done = shell.complain(f"a statement has more than {STATEMENT_LIMIT // 1024} KiB")
        if not done:
            return False
    return not rest or shell.execute(rest)


def run_command(shell: Interpreter, line: str, *, depth: int = 0) -> bool:
    """Run one backslash command; False if it failed, of which the person has been told.

    Raises Leave for \\q.
    """
    word, *arguments = line.strip().rstrip(";").split()
    match word, arguments:
        case ("\\q" | "\\quit", []):
            raise Leave
        case ("\\help" | "\\h" | "\\?", _):
            shell.say([HELP])
        case ("\\timing", [] | ["on"] | ["off"]):
            shell.timing = _switched(shell, "Timing", arguments, now=shell.timing)
        case ("\\x", [] | ["on"] | ["off"]):
            shell.expanded = _switched(shell, "Expanded display", arguments, now=shell.expanded)
        case ("\\i", [_, *_]):
            return _run_file(shell, line.strip().removeprefix("\\i").strip(), depth)
        case ("\\d" | "\\dt" | "\\di", _) if len(arguments) <= (word == "\\d"):
            return _describe(shell, word, *arguments)
        case _ if word in _ELSEWHERE:
            return shell.complain(f"{word}: {_ELSEWHERE[word]}")
        case _:
            return shell.complain(f"{printable(line.strip())} is no command here; \\help lists them")
    return True


def _switched(shell: Interpreter, what: str, arguments: list[str], *, now: bool) -> bool:
    on = arguments == ["on"] if arguments else not now
    shell.say([f"{what} is {'on' if on else 'off'}."])
    return on


def _run_file(shell: Interpreter, name: str, depth: int) -> bool:
    if len(name) > 1 and name[0] == name[-1] == "'":
        name = name[1:-1]
    if depth == _DEPTH_LIMIT:
        return shell.complain(f"{_DEPTH_LIMIT} files read each other: {printable(name)} is one too many")
    try:
        with Path(name).expanduser().open(encoding="utf-8") as file:
            return run_script(shell, file, depth=depth + 1)
    except UnicodeError:
        return shell.complain(f"{printable(name)} is not in UTF-8")
    except BrokenPipeError:
        raise
    except OSError as error:
        return shell.complain(f"{printable(name)}: {error.strerror}")


def _describe(shell: Interpreter, word: str, name: str = "") -> bool:
    views = {"\\d": describe_relations, "\\dt": describe_tables, "\\di": describe_indexes}
    try:
        if name:
            shell.say(describe_table(shell.connection, _folded(name)))
        else:
            shell.say(views[word](shell.connection))
    except psycopg.Error as error:
        return shell.explain(error)
    except LookupError as error:
        return shell.complain(str(error.args[0]))
    return True


def _folded(name: str) -> str:
    """A name as SQL reads it: in lower case unless quoted."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name.lower()
