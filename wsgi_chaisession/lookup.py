"""The query of every request that has a session, without what a cursor costs.

psycopg's cursors adapt any statement and any type, which takes several times as long as the
server needs for one row by its key. This statement is always the same, so libpq is told the
bytes. Whatever is out of the ordinary is left to a cursor, whose errors say what happened.
"""

import select
from datetime import UTC, datetime, timedelta
from math import ceil
from time import monotonic

from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult

from . import statements
from .pool import Connection, DeadlineExceeded, greenlets_wait
from .store import Record

_NAME = b"chaisession_find"
QUERY = statements.FIND.replace("%(key)b", "$1").encode()
_TEXT_OID = 25
_BINARY = 1
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # PostgreSQL's, in microseconds since which it counts
_LONGEST = 3600.0  # seconds that one poll may last; a deadline may be infinite


class NotOrdinaryError(Exception):
    """A cursor must look instead: it can do more, or knows what is wrong."""


def find(connection: Connection, key: str) -> Record | None:
    """The active session under *key*, found either way."""
    try:
        return look_up(connection, key)
    except NotOrdinaryError:
        return find_by_cursor(connection, key)


def find_by_cursor(connection: Connection, key: str) -> Record | None:
    row = connection.query(statements.FIND, {"key": key}).fetchone()
    return Record(row[0], row[1].replace(tzinfo=UTC)) if row else None


def look_up(connection: Connection, key: str) -> Record | None:
    """The active session under *key*; NotOrdinaryError when this is no way to find out."""
    if greenlets_wait() or not key.isascii():
        raise NotOrdinaryError
    if connection.lookup is None:
        connection.lookup = _prepare(connection)
    connection.pgconn.send_query_prepared(_NAME, [key.encode()], [_BINARY], _BINARY)
    result = _answer(connection, connection.lookup)
    if result.status != ExecStatus.TUPLES_OK:
        connection.lookup = None  # the server may have forgotten the statement
        raise NotOrdinaryError
    return _record(result) if result.ntuples else None


def _prepare(connection: Connection) -> select.poll:
    """Make the statement known to the server; what the connection's answers are waited for with."""
    poll = _poll(connection, select.POLLIN)
    connection.pgconn.send_prepare(_NAME, QUERY, [_TEXT_OID])
    if _answer(connection, poll).status != ExecStatus.COMMAND_OK:
        raise NotOrdinaryError
    return poll


def _answer(connection: Connection, poll: select.poll) -> PGresult:
    """The one result of what was just sent."""
    pgconn = connection.pgconn
    while pgconn.flush():
        _wait(connection, _poll(connection, select.POLLOUT))
    answer: PGresult | None = None
    while True:
        while pgconn.is_busy():
            _wait(connection, poll)
            pgconn.consume_input()
        result = pgconn.get_result()
        if result is None:
            break
        answer = answer or result
    if answer is None:
        raise NotOrdinaryError
    return answer


def _wait(connection: Connection, poll: select.poll) -> None:
    left = max(connection.deadline - monotonic(), 0.0)
    if not poll.poll(ceil(min(left, _LONGEST) * 1000)) and monotonic() >= connection.deadline:
        connection.close()
        raise DeadlineExceeded("the server did not answer within the deadline")


def _poll(connection: Connection, event: int) -> select.poll:
    poll = select.poll()
    poll.register(connection.pgconn.socket, event)
    return poll


def _record(result: PGresult) -> Record:
    data, expiry = result.get_value(0, 0), result.get_value(0, 1)
    if data is None or expiry is None or len(expiry) != 8:
        raise NotOrdinaryError
    microseconds = int.from_bytes(expiry, "big", signed=True)
    try:
        return Record(data, _EPOCH + timedelta(microseconds=microseconds))
    except OverflowError:  # PostgreSQL's infinity
        raise NotOrdinaryError from None
