"""Sessions to measure with, and the table that holds them, as the store has both."""

import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import psycopg

from wsgi_chaisession import statements
from wsgi_chaisession.tokens import generate, hash_token

DATA_BYTES = 256
CHUNK = 100  # rows of one insert, well below the server's limits

Session = tuple[str, bytes, datetime]


def make_sessions(count: int, *, expired: int = 0) -> Iterator[Session]:
    """Sessions of 256 random bytes, the first *expired* of them so; no two expiries are equal."""
    now = datetime.now(UTC).replace(tzinfo=None)
    for number in range(count):
        hours = -1 if number < expired else 24
        expiry = now + timedelta(hours=hours, microseconds=number)
        yield hash_token(generate()), os.urandom(DATA_BYTES), expiry


def fill(connection: psycopg.Connection, sessions: Iterable[Session]) -> None:
    """Insert them into the store's table, which is made where it is missing."""
    for statement in statements.SCHEMA:
        connection.execute(statement)
    rest = iter(sessions)
    while part := list(islice(rest, CHUNK)):
        connection.execute(*_insert(part))


def _insert(part: Sequence[Session]) -> tuple[bytes, list[object]]:
    values = ", ".join(["(%b, %b, %b)"] * len(part))
    sql = f"INSERT INTO sessions (token, data, expiry) VALUES {values}"  # noqa: S608 - placeholders
    return sql.encode(), [column for session in part for column in session]
