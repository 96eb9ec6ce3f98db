"""The file that a server writes its log to when nobody watches its standard error."""

import os
from pathlib import Path
from typing import BinaryIO

from chaisql.errors import AccessError

NAME = "chaisqld.log"
KEEP_BYTES = 1024 * 1024
TAIL_LINES = 10
_TAIL_BYTES = 4096


def open_log(directory: Path) -> BinaryIO:
    """The log in *directory*, to be appended to.

    A log that has grown past 1 MiB becomes `chaisqld.log.1` first, in place of an older one. The server,
    which is told the file's name, does the same while it runs.
    """
    path = directory / NAME
    log = _open(path)
    if os.fstat(log.fileno()).st_size <= KEEP_BYTES:
        return log
    log.close()
    path.replace(path.with_name(NAME + ".1"))
    return _open(path)


def _open(path: Path) -> BinaryIO:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.fdopen(os.open(path, flags, 0o600), "ab", buffering=0)
    except OSError as error:
        raise AccessError(f"cannot write the log {path}: {error.strerror}", path=str(path)) from error


def tail(directory: Path, start: int = 0) -> str:
    """The last lines of the log that were written after the byte *start*."""
    try:
        with (directory / NAME).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - _TAIL_BYTES))
            lines = file.read(_TAIL_BYTES).decode(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-TAIL_LINES:])
