"""Ask a running server for a check or a backup: it holds the directory, so nobody else can."""

import json
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from chaisql.dial import Connection
from chaisql.exits import CommandError, Exit
from chaisql.progress import Listener, read_event

CHECK = sql.SQL("SELECT chaisqld_check()")
BACKUP = sql.SQL("SELECT chaisqld_backup(%s)")
_CODES = {
    "22023": Exit.USAGE,  # a path that cannot be a backup's
    "42501": Exit.NO_ACCESS,  # not the server's user
    "53100": Exit.NO_ACCESS,  # disk full
    "55006": Exit.TRY_LATER,  # another backup to that place
    "57P01": Exit.TRY_LATER,  # the server was told to end
    "58030": Exit.NO_ACCESS,  # I/O error
    "58P01": Exit.NO_ACCESS,  # no such directory
    "58P02": Exit.NO_ACCESS,  # something is there already
    "XX001": Exit.DAMAGED,
}


def check(connection: Connection, *, progress: Listener) -> dict[str, Any]:
    """Compare every table with its indexes while the server works on."""
    return _ask(connection, CHECK, (), progress)


def backup(connection: Connection, to: Path, *, progress: Listener) -> dict[str, Any]:
    """Copy the database to *to*, an absolute path, while the server works on."""
    return _ask(connection, BACKUP, (str(to),), progress)


def _ask(
    connection: Connection, statement: sql.SQL, arguments: tuple[str, ...], progress: Listener
) -> dict[str, Any]:
    """The server's report. Ctrl-C cancels the statement: psycopg does, except while it calls us."""
    interrupted = False

    def hear(diagnostic: psycopg.errors.Diagnostic) -> None:
        nonlocal interrupted
        try:
            if event := read_event(diagnostic.message_primary or ""):
                progress(*event)
        except KeyboardInterrupt:  # cannot leave libpq's callback
            interrupted = True
            connection.cancel_safe()

    connection.add_notice_handler(hear)
    try:
        row = connection.execute(statement, arguments).fetchone()
    except psycopg.Error as error:
        if interrupted:
            raise KeyboardInterrupt from error
        raise _explained(error) from error
    if interrupted:
        raise KeyboardInterrupt
    assert row is not None  # noqa: S101 - for the type checkers
    return dict(json.loads(row[0]))


def _explained(error: psycopg.Error) -> CommandError:
    if error.sqlstate is None:
        return CommandError("the connection to the server was lost; run the command again", Exit.TRY_LATER)
    parts = [error.diag.message_primary, error.diag.message_hint]
    return CommandError("; ".join(part for part in parts if part), _CODES.get(error.sqlstate, Exit.FAILED))
