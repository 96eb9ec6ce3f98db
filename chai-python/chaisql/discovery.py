"""Find the server of a directory or start it, so that many processes at once get one and the same.

The lock that decides who serves is the directory's own, held by the server. `start.lock` only keeps
callers from starting servers that would lose; nothing breaks when it is held by nobody.
"""

import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from chaisql import logfile
from chaisql.address import Address, choose_socket_dir, private_folder, published_address
from chaisql.deadline import Deadline
from chaisql.dial import Connection, dial
from chaisql.directory import POLL_SECONDS, START_LOCK, prepare, start_lock
from chaisql.errors import ServerError
from chaisql.exits import Exit
from chaisql.launch import Outcome, Start, command_line, start_detached
from chaisql.probe import Presence, ask
from chaisql.target import MEMORY

# How long a private server outlives its connection, and waits for it before the next one is started.
MEMORY_IDLE_SECONDS = 5.0
# What to make of a server that ended before it was ready; 126 and 127 are the shell's.
MEANINGS: dict[int, str] = {
    Exit.USAGE: "it does not understand its command line: is CHAISQL_SERVER of another version?",
    Exit.DAMAGED: "the directory is not a chaisqld database, or it is damaged",
    Exit.FAILED: "an internal failure or an unrecoverable error of the disk",
    Exit.NO_ACCESS: "the directory cannot be created, read or written",
    Exit.TRY_LATER: "another program holds the directory: end it, or let it serve the directory",
    126: "it cannot be executed",
    127: "it is not there",
}
PERMANENT = {Exit.USAGE, Exit.DAMAGED, Exit.NO_ACCESS, 126, 127}


def find_or_start(
    directory: Path, *, start_timeout: float, idle_exit: float | None, options: dict[str, Any]
) -> Connection:
    """A connection to the one server of *directory*; starts it where none answers."""
    deadline = Deadline(start_timeout)
    while deadline.left:
        if connection := dial(published_address(directory), timeout=deadline.left, options=options):
            return connection
        prepare(directory)
        with start_lock(directory) as held:
            if not held:
                time.sleep(POLL_SECONDS)
            elif connection := dial(published_address(directory), timeout=deadline.left, options=options):
                return connection
            else:
                _start(directory, deadline, idle_exit=idle_exit)
    raise ServerError(f"no server of {directory} answered within {start_timeout:.1f} s", path=str(directory))


def connect_memory(*, start_timeout: float, options: dict[str, Any]) -> Connection:
    """A connection to a new server of its own, which goes soon after the connection does.

    The kernel closes a dead process's connection, so no way of dying leaves the server behind. Its socket
    is removed once we are connected: nobody else can come in.
    """
    deadline = Deadline(start_timeout)
    while deadline.left:
        folder = Path(tempfile.mkdtemp(dir=private_folder()))
        try:
            _start_private(folder, deadline)
            if connection := dial(Address(socket_dir=folder), timeout=deadline.left, options=options):
                return connection
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        # We were too slow: it found nobody and left.
    raise ServerError(f"no private server answered within {start_timeout:.1f} s", path=MEMORY)


def _start_private(folder: Path, deadline: Deadline) -> None:
    argv = command_line(MEMORY, socket_dir=folder, idle_exit=MEMORY_IDLE_SECONDS)
    with logfile.open_log(folder) as log:
        start = start_detached(argv, log=log, timeout=deadline.left)
    check_start(start, MEMORY, deadline, log_tail=logfile.tail(folder))


def check_start(start: Start, directory: Path | str, deadline: Deadline, *, log_tail: str) -> None:
    """Raise what a failed start was about."""
    if start.outcome is Outcome.READY:
        return
    if start.outcome is Outcome.LATE:
        message = (
            f"the server of {directory} is not ready after {deadline.seconds:.1f} s; it goes on starting"
        )
    else:
        message = f"the server of {directory} {_ending(start.exit_code)} before it was ready"
    raise ServerError(
        message,
        path=str(directory),
        exit_code=start.exit_code,
        log_tail=log_tail,
        permanent=start.exit_code in PERMANENT,
    )


def _start(directory: Path, deadline: Deadline, *, idle_exit: float | None) -> None:
    """Start a server and wait for it; returns also when another server turns out to hold *directory*."""
    argv = command_line(
        directory,
        socket_dir=choose_socket_dir(directory),
        idle_exit=idle_exit,
        options=["--log-file", str(directory / logfile.NAME)],
    )
    with logfile.open_log(directory) as log:
        written = os.fstat(log.fileno()).st_size
        start = start_detached(argv, log=log, timeout=deadline.left, elsewhere=lambda: _is_served(directory))
    # A process that began a start before us was killed, not its server.
    if start.outcome is Outcome.ELSEWHERE:
        return
    log_tail = logfile.tail(directory, written)
    if start.exit_code == Exit.DAMAGED and not written:
        _take_back(directory)
    if (
        start.exit_code == Exit.TRY_LATER
        and ask(published_address(directory)).presence is not Presence.ABSENT
    ):
        return
    check_start(start, directory, deadline, log_tail=log_tail)


def _is_served(directory: Path) -> bool:
    return ask(published_address(directory)).presence is Presence.SERVING


def _take_back(directory: Path) -> None:
    """Remove what was put into a directory that turned out to be somebody else's."""
    for name in (START_LOCK, logfile.NAME):
        (directory / name).unlink(missing_ok=True)


def _ending(exit_code: int | None) -> str:
    if exit_code is None:
        return "closed its ready pipe"
    if exit_code < 0:
        return f"was killed by signal {-exit_code}"
    meaning = MEANINGS.get(exit_code)
    return f"ended with exit code {exit_code}" + (f" ({meaning})" if meaning else "")
