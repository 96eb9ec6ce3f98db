"""Look after a database: through its server where one runs, and by `chaisqld` itself where none does."""

import contextlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from chaisql import offline, online
from chaisql.address import published_address
from chaisql.dial import Connection, dial
from chaisql.directory import START_LOCK, start_lock
from chaisql.exits import CommandError, Exit
from chaisql.probe import Presence, ask
from chaisql.progress import Listener

TELL = ["--json", "--progress", "json"]
DIAL_SECONDS = 10.0
# A server can come or go between our look and our work.
_ATTEMPTS = 2


def check(directory: Path, *, progress: Listener) -> dict[str, Any]:
    """The report on *directory*, served or not; damage is in it."""
    return _online_or_not(
        directory,
        lambda connection: online.check(connection, progress=progress),
        ["check", "--dir", str(directory)],
        progress,
    )


def backup(directory: Path, to: Path, *, progress: Listener) -> dict[str, Any]:
    """Copy the database of *directory*, served or not, to *to*, which appears when it is whole."""
    return _online_or_not(
        directory,
        lambda connection: online.backup(connection, to, progress=progress),
        ["backup", "--dir", str(directory), "--to", str(to)],
        progress,
    )


def repair(directory: Path, *, progress: Listener) -> dict[str, Any]:
    """Mend the indexes of a database that nobody serves; the report says what was found and what is left."""
    answer = ask(published_address(directory))
    if answer.presence is not Presence.ABSENT:
        raise CommandError(
            f"process {answer.pid} serves {directory}: stop it first, with `python -m chaisql stop`",
            Exit.TRY_LATER,
        )
    with _no_starts(directory):
        return _result(offline.run(["check", "--repair", "--dir", str(directory), *TELL], progress=progress))


def adopt(
    directory: Path, *, keep: bool = True, allow_unsupported: bool = False, progress: Listener
) -> dict[str, Any]:
    """Make a chaisqld database of what a Go program made; *keep* a copy of it as it was."""
    arguments = ["adopt", "--dir", str(directory), *TELL]
    arguments += [] if keep else ["--no-backup"]
    arguments += ["--allow-unsupported"] if allow_unsupported else []
    return _result(offline.run(arguments, progress=progress))


def restore(source: Path, directory: Path, *, progress: Listener) -> dict[str, Any]:
    """Make a database of a backup, in *directory*, which is absent or empty."""
    with _no_starts(source):
        return _result(
            offline.run(["restore", "--from", str(source), "--dir", str(directory), *TELL], progress=progress)
        )


def create(directory: Path, *, progress: Listener) -> None:
    """Make a new database where none is."""
    finished = offline.run(["init", "--dir", str(directory)], progress=progress)
    if finished.code:
        raise CommandError(finished.message, finished.code)


def _online_or_not(
    directory: Path,
    serve: Callable[[Connection], dict[str, Any]],
    arguments: Sequence[str],
    progress: Listener,
) -> dict[str, Any]:
    attempts = 0
    while True:
        attempts += 1
        connection = dial(published_address(directory), timeout=DIAL_SECONDS, options={"autocommit": True})
        if connection is not None:
            with connection:
                return serve(connection)
        with _no_starts(directory):
            finished = offline.run([*arguments, *TELL], progress=progress)
        if finished.code is not Exit.TRY_LATER or attempts == _ATTEMPTS:
            return _result(finished)


@contextlib.contextmanager
def _no_starts(directory: Path) -> Generator[None, None, None]:
    """Let whoever wants a server of *directory* wait for us, rather than find it held.

    A directory where no server was ever started on demand is left as it is: it may be a backup.
    """
    with contextlib.ExitStack() as stack:
        if (directory / START_LOCK).exists():
            stack.enter_context(start_lock(directory))
        yield


def _result(finished: offline.Finished) -> dict[str, Any]:
    """The child's report; that a database is damaged is one, too."""
    if finished.result is not None and finished.code in {Exit.DONE, Exit.DAMAGED}:
        return finished.result
    raise CommandError(finished.message, finished.code)
