"""The database directory as this side sees it: made when missing, locked while a server starts."""

import contextlib
import errno
import fcntl
import os
import time
from collections.abc import Generator
from pathlib import Path

from chaisql.errors import AccessError

START_LOCK = "start.lock"
# flock() takes no deadline. Whoever waits here also looks at the socket, so a long wait is rare.
POLL_SECONDS = 0.01


def resolve(target: str) -> Path:
    """The one name of a directory, whichever links lead to it."""
    return Path(os.path.realpath(target))


def prepare(directory: Path) -> None:
    """Make sure that *directory* is one; makes the last part of its path, readable for this user alone."""
    if directory.is_dir():
        return
    with _explained(directory, "cannot create"):
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            _refuse_file(directory)  # or others made the directory just now
        except FileNotFoundError:
            _refuse_orphan(directory)
            raise


def _refuse_file(directory: Path) -> None:
    if not directory.is_dir():
        raise AccessError(
            f"{directory} is not a directory: name the directory that holds the database",
            path=str(directory),
            permanent=True,
        )


def _refuse_orphan(directory: Path) -> None:
    if not directory.parent.is_dir():
        raise AccessError(
            f"cannot create {directory}: there is no directory {directory.parent}; create it first",
            path=str(directory),
            permanent=True,
        )


@contextlib.contextmanager
def start_lock(directory: Path, *, timeout: float = 0.0) -> Generator[bool, None, None]:
    """Hold the right to start a server; yields False when others keep it for *timeout* seconds."""
    deadline = time.monotonic() + timeout
    with _explained(directory, "cannot write to"):
        descriptor = os.open(directory / START_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while not (held := _try_lock(descriptor)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        yield held
    finally:
        # Closing is not enough: a process forked meanwhile shares the lock until it is given back.
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def _explained(directory: Path, failed: str) -> Generator[None, None, None]:
    try:
        yield
    except OSError as error:
        raise AccessError(
            f"{failed} {directory}: {error.strerror}; the database directory must belong to this user "
            "and be on a disk that can be written",
            path=str(directory),
            permanent=error.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EIO},
        ) from error
