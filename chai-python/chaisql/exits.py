"""How the command line ends: exit codes, and the error that carries one."""

from dataclasses import dataclass

# 65, 73 and 75 are the server's own as well; see `chaisqld --help`.
NOT_RUNNING, USAGE, DAMAGED, NO_DIRECTORY, FAILED = 3, 64, 65, 66, 70
NO_ACCESS, TRY_LATER, INTERRUPTED = 73, 75, 130


@dataclass
class CommandError(Exception):
    """A command did not do what it was told; the message is one line."""

    message: str
    code: int = FAILED

    def __str__(self) -> str:
        return self.message
