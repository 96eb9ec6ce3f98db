"""Run statements and print what they gave."""

import contextlib
import signal
import time
from collections.abc import Callable, Generator, Iterable
from types import FrameType
from typing import Literal, TextIO

import psycopg

from chaisql.dial import Connection
from chaisql.shell.describe import names
from chaisql.shell.table import draw, draw_expanded, printable

_CANCEL_SECONDS = 5.0
# Numbers line up on the right: int8, int2, int4, oid, float4, float8, numeric.
_NUMBERS = {20, 21, 23, 26, 700, 701, 1700}


class Interpreter:
    """Runs what it is given on a connection, which it opens when it first needs one or has lost it.

    :param connect: makes a connection in autocommit mode.
    :param out: takes results; *err* takes errors and notices.

    `timing` and `expanded` say how results are shown.
    """

    def __init__(self, connect: Callable[[], Connection], *, out: TextIO, err: TextIO) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._out = out
        self._err = err
        self.timing = False
        self.expanded = False

    def open(self) -> None:
        """Connect, and raise what is in the way: later it would be one statement's failure."""
        _ = self.connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    @property
    def connection(self) -> Connection:
        """The connection, made anew when it is gone."""
        if self._connection is None or self._connection.closed:
            if self._connection is not None:
                self.complain("the connection was lost; this is a new one", prefix="")
            self._connection = self._connect()
            self._connection.add_notice_handler(self._notice)
        return self._connection

    @property
    def status(self) -> psycopg.pq.TransactionStatus:
        """Of the transaction; IDLE when there is no connection."""
        if self._connection is None or self._connection.closed:
            return psycopg.pq.TransactionStatus.IDLE
        return self._connection.info.transaction_status

    def names(self) -> set[str]:
        """Of tables and columns; none while a transaction is under way, which is not ours to touch."""
        if self._connection is None or self.status is not psycopg.pq.TransactionStatus.IDLE:
            return set()
        try:
            return set() if self._connection.closed else names(self._connection)
        except psycopg.Error:
            return set()

    def execute(self, statement: str) -> bool:
        """Run one statement; False if it failed, of which the person has been told."""
        began = time.perf_counter()
        try:
            self._run(statement)
            done = True
        except psycopg.Error as error:
            done = self.explain(error)
        if self.timing:
            self.say([f"Time: {(time.perf_counter() - began) * 1000:.3f} ms"])
        return done

    def explain(self, error: psycopg.Error) -> Literal[False]:
        """Tell the error with its SQLSTATE, position, detail and hint, as libpq lays them out."""
        text = str(error).strip()
        if error.sqlstate is not None:
            first, newline, more = text.partition("\n")
            text = f"{first} ({error.sqlstate}){newline}{more}"
        return self.complain(text)

    def _run(self, statement: str) -> None:
        if "\0" in statement:  # where libpq would stop reading
            raise psycopg.DataError("a statement cannot hold a NUL character")
        connection = self.connection
        cursor = connection.cursor()
        with _cancelled_by_ctrl_c(connection):
            # Bytes are sent as they are: what is typed is SQL, without placeholders.
            cursor.execute(statement.encode())
        result = cursor.pgresult
        if result is None or result.status == psycopg.pq.ExecStatus.EMPTY_QUERY:
            return
        if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
            self.say([cursor.statusmessage or ""])
            return
        columns = range(result.nfields)
        # The server's own text: what Python would make of a value is not what is stored.
        rows = [
            [_decoded(result.get_value(row, column)) for column in columns] for row in range(result.ntuples)
        ]
        names = [(result.fname(column) or b"").decode() for column in columns]
        if self.expanded and rows:
            self.say(draw_expanded(names, rows))
            return
        self.say(draw(names, rows, [result.ftype(column) in _NUMBERS for column in columns]))
        self.say([f"({len(rows)} row{'s' if len(rows) != 1 else ''})"])

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self.complain(f"{diagnostic.severity}:  {diagnostic.message_primary}", prefix="")

    def say(self, lines: Iterable[str]) -> None:
        """Print results."""
        for line in lines:
            self._out.write(line + "\n")
        self._out.flush()

    def complain(self, text: str, *, prefix: str = "ERROR:  ") -> Literal[False]:
        """Print an error or a notice."""
        self._out.flush()
        lines = (prefix + text).replace("\t", "    ").split("\n")  # libpq indents with tabs
        self._err.write("\n".join(map(printable, lines)) + "\n")
        self._err.flush()
        return False


@contextlib.contextmanager
def _cancelled_by_ctrl_c(connection: Connection) -> Generator[None, None, None]:
    """Let Ctrl-C cancel the statement that runs inside, and raise KeyboardInterrupt when it has ended.

    The driver would give up after some seconds, if its cancel request comes before the server has read the
    statement; which then is done although somebody was told that it was not. Here Ctrl-C can come again.
    """
    pressed = False

    def cancel(_signal: int, _frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        with contextlib.suppress(psycopg.Error):
            connection.cancel_safe(timeout=_CANCEL_SECONDS)

    before = signal.signal(signal.SIGINT, cancel)
    try:
        yield
    except psycopg.errors.QueryCanceled as error:
        if pressed:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


def _decoded(value: bytes | None) -> str | None:
    return None if value is None else value.decode()
