"""How commands end: the one table of exit codes, and the errors that carry one."""

import enum
from dataclasses import dataclass

from chaisql.errors import AccessError, ServerError


class Exit(enum.IntEnum):
    """Exit codes, those of sysexits.h where one fits."""

    DONE = 0
    NOT_RUNNING = 3
    USAGE = 64
    DAMAGED = 65
    NO_DIRECTORY = 66
    FAILED = 70
    NO_ACCESS = 73
    TRY_LATER = 75
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done",
    Exit.NOT_RUNNING: "no server runs",
    Exit.USAGE: "wrong usage",
    Exit.DAMAGED: "not a chaisqld database, or damaged",
    Exit.NO_DIRECTORY: "there is no such directory",
    Exit.FAILED: "failed",
    Exit.NO_ACCESS: "a directory cannot be made, read or written, or is taken",
    Exit.TRY_LATER: "another process holds it, or not done in time: try later",
    Exit.INTERRUPTED: "interrupted",
}
# What `chaisqld` ends with too, with the same meaning.
OF_THE_SERVER = {Exit.DONE, Exit.USAGE, Exit.DAMAGED, Exit.FAILED, Exit.NO_ACCESS, Exit.TRY_LATER}


@dataclass
class CommandError(Exception):
    """A command did not do what it was told; the message is one line."""

    message: str
    code: Exit = Exit.FAILED

    def __str__(self) -> str:
        return self.message


def exit_of(error: Exception) -> Exit:
    """The exit code for an error that a command did not expect."""
    if isinstance(error, CommandError):
        return error.code
    if isinstance(error, (AccessError, PermissionError)):
        return Exit.NO_ACCESS
    if not isinstance(error, ServerError):
        return Exit.FAILED
    if error.exit_code is not None:
        return of_child(error.exit_code)
    return Exit.FAILED if error.permanent else Exit.TRY_LATER


def of_child(code: int) -> Exit:
    """The exit code that a child's stands for; those that no program of ours chooses are failures."""
    return Exit(code) if code in OF_THE_SERVER else Exit.FAILED
