"""Use a Chai database from Python.

    import chaisql

    with chaisql.connect("data") as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (id BIGINT PRIMARY KEY, body TEXT)")

`connect` finds the server of the directory or starts it, and returns a psycopg connection: what can be done
with that is psycopg's documentation. The names of PEP 249 are here as well.
"""

from psycopg import (
    BINARY,
    DATETIME,
    NUMBER,
    ROWID,
    STRING,
    Binary,
    Date,
    DateFromTicks,
    Time,
    TimeFromTicks,
    Timestamp,
    TimestampFromTicks,
    apilevel,
    paramstyle,
    threadsafety,
)
from psycopg.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    Warning,  # noqa: A004 - PEP 249 wants this name
)

from chaisql.connection import connect
from chaisql.errors import ServerError
from chaisql.locate import find_server
from chaisql.server import Server
from chaisql.target import TargetKind, target_kind
from chaisql.version import VERSION

__all__ = [
    "BINARY",
    "DATETIME",
    "NUMBER",
    "ROWID",
    "STRING",
    "VERSION",
    "Binary",
    "DataError",
    "DatabaseError",
    "Date",
    "DateFromTicks",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
    "Server",
    "ServerError",
    "TargetKind",
    "Time",
    "TimeFromTicks",
    "Timestamp",
    "TimestampFromTicks",
    "Warning",
    "apilevel",
    "connect",
    "find_server",
    "paramstyle",
    "target_kind",
    "threadsafety",
]
