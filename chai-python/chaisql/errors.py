"""What can go wrong between a caller and a server, as one exception that carries the evidence."""

import psycopg


class ServerError(psycopg.OperationalError):
    """A server could not be found, started, understood or stopped.

    Whoever catches the driver's `OperationalError` catches this too.

    :param path: the database directory or the file that the error is about.
    :param exit_code: how the server's process ended; None when it did not end.
    :param log_tail: the last lines that the server wrote; empty when it wrote none.
    :param permanent: whether somebody must change something first; else trying again later may help.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | None = None,
        exit_code: int | None = None,
        log_tail: str = "",
        permanent: bool = False,
    ) -> None:
        super().__init__(message)
        self.path = path
        self.exit_code = exit_code
        self.log_tail = log_tail
        self.permanent = permanent

    def __str__(self) -> str:
        message = super().__str__()
        if not self.log_tail:
            return message
        return f"{message}; the server's last lines:\n{self.log_tail}"


class AccessError(ServerError):
    """A directory, or what belongs into it, cannot be made, read or written by this user."""
