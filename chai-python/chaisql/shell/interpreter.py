"""Run statements and backslash commands, and print what they gave: the shell without its terminal."""

import time
from collections.abc import Callable, Iterable
from typing import TextIO

import psycopg

from chaisql.dial import Connection
from chaisql.shell.describe import describe_table, describe_tables, names
from chaisql.shell.table import draw, printable

HELP = """\
A statement ends with ; and may take several lines.
  \\d         list the tables
  \\d TABLE   its columns and indexes
  \\timing    tell, or no longer tell, how long statements take
  \\help      this
  \\q         leave, as Ctrl-D does
Ctrl-C ends a statement that runs, or drops what is typed.
SQL: SELECT, INSERT, UPDATE, DELETE on one table, CREATE, DROP, BEGIN, COMMIT, ROLLBACK.\
"""
# Numbers line up on the right: int8, int2, int4, oid, float4, float8, numeric.
_NUMBERS = {20, 21, 23, 26, 700, 701, 1700}


class Leave(Exception):  # noqa: N818 - it is no error
    """The person wants to leave the shell."""


class Interpreter:
    """Runs what it is given on a connection, which it opens when it first needs one or has lost it.

    :param connect: makes a connection in autocommit mode.
    :param out: takes results; *err* takes errors and notices.
    """

    def __init__(self, connect: Callable[[], Connection], *, out: TextIO, err: TextIO) -> None:
        self._connect = connect
        self._connection: Connection | None = None
        self._out = out
        self._err = err
        self.timing = False

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
                self._complain("the connection was lost; this is a new one", prefix="")
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
        done = self._told(lambda: self._run(statement))
        if self.timing:
            self._print([f"Time: {(time.perf_counter() - began) * 1000:.3f} ms"])
        return done

    def command(self, line: str) -> bool:
        """Run one backslash command; False if it failed. Raises Leave for \\q."""
        word, *arguments = line.strip().rstrip(";").split()
        match word, arguments:
            case ("\\q" | "\\quit", []):
                raise Leave
            case ("\\help" | "\\h" | "\\?", _):
                self._print([HELP])
            case ("\\timing", [] | ["on"] | ["off"]):
                self.timing = not self.timing if not arguments else arguments == ["on"]
                self._print([f"Timing is {'on' if self.timing else 'off'}."])
            case ("\\d" | "\\dt", []):
                return self._told(lambda: self._print(describe_tables(self.connection)))
            case ("\\d", [name]):
                return self._told(lambda: self._print(describe_table(self.connection, _folded(name))))
            case _:
                self._complain(f"{printable(line.strip())} is no command here; \\help lists them")
                return False
        return True

    def _told(self, work: Callable[[], None]) -> bool:
        """Do the work and tell its failure in words."""
        try:
            work()
        except psycopg.Error as error:
            self._complain(_explained(error))
        except LookupError as error:
            self._complain(str(error.args[0]))
        else:
            return True
        return False

    def _run(self, statement: str) -> None:
        if "\0" in statement:  # where libpq would stop reading
            raise psycopg.DataError("a statement cannot hold a NUL character")
        cursor = self.connection.cursor()
        # Bytes are sent as they are: what is typed is SQL, without placeholders.
        cursor.execute(statement.encode())
        result = cursor.pgresult
        if result is None or result.status == psycopg.pq.ExecStatus.EMPTY_QUERY:
            return
        if result.status != psycopg.pq.ExecStatus.TUPLES_OK:
            self._print([cursor.statusmessage or ""])
            return
        columns = range(result.nfields)
        # The server's own text: what Python would make of a value is not what is stored.
        rows = [
            [_decoded(result.get_value(row, column)) for column in columns] for row in range(result.ntuples)
        ]
        names = [(result.fname(column) or b"").decode() for column in columns]
        self._print(draw(names, rows, [result.ftype(column) in _NUMBERS for column in columns]))
        self._print([f"({len(rows)} row{'s' if len(rows) != 1 else ''})"])

    def _notice(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        self._complain(f"{diagnostic.severity}:  {diagnostic.message_primary}", prefix="")

    def _print(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._out.write(line + "\n")
        self._out.flush()

    def _complain(self, text: str, *, prefix: str = "ERROR:  ") -> None:
        self._out.flush()
        self._err.write("\n".join(printable(line) for line in (prefix + text).split("\n")) + "\n")
        self._err.flush()


def _decoded(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _folded(name: str) -> str:
    """A name as SQL reads it: in lower case unless quoted."""
    if len(name) > 1 and name[0] == name[-1] == '"':
        return name[1:-1].replace('""', '"')
    return name.lower()


def _explained(error: psycopg.Error) -> str:
    """The error with its SQLSTATE, position, detail and hint, as libpq lays them out."""
    text = str(error).strip()
    if error.sqlstate is None:
        return text
    first, newline, more = text.partition("\n")
    return f"{first} ({error.sqlstate}){newline}{more}"
