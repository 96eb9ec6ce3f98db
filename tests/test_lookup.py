"""Finding a session past psycopg's cursors, and the ways back to them."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from proxy import Proxy
from wsgi_chaisession import ChaiStore, Record, StoreError, tokens
from wsgi_chaisession.lookup import NotOrdinaryError, find, find_by_cursor, look_up
from wsgi_chaisession.pool import Connection

KEY = tokens.hash_token("one")
SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def connection(chai_store: ChaiStore) -> Iterator[Connection]:
    """One connection over an empty database, as the store has them."""
    with chai_store._database.pool.connection(time.monotonic() + 20) as connection:
        yield connection


def test_both_ways_find_the_same(chai_store: ChaiStore, connection: Connection) -> None:
    chai_store.insert(KEY, bytes(range(256)) * 100, SOON)
    record = look_up(connection, KEY)
    assert record == find_by_cursor(connection, KEY) == Record(bytes(range(256)) * 100, SOON)
    assert look_up(connection, KEY[::-1]) is None is find_by_cursor(connection, KEY[::-1])


@pytest.mark.parametrize("key", ["ключ", "\ud800"])
def test_what_no_token_hashes_to_is_left_to_a_cursor(connection: Connection, key: str) -> None:
    with pytest.raises(NotOrdinaryError):
        look_up(connection, key)


def test_a_key_does_not_end_at_a_zero_byte(chai_store: ChaiStore, connection: Connection) -> None:
    chai_store.insert("ab", b"x", SOON)
    with pytest.raises(NotOrdinaryError):
        look_up(connection, "ab\0c")


def test_a_statement_that_the_server_forgot_is_prepared_again(
    chai_store: ChaiStore, connection: Connection
) -> None:
    chai_store.insert(KEY, b"x", SOON)
    assert look_up(connection, KEY)
    connection.execute("DEALLOCATE ALL")
    assert find(connection, KEY) == Record(b"x", SOON)  # by a cursor
    assert look_up(connection, KEY) == Record(b"x", SOON)


def test_a_database_without_tables_is_left_to_a_cursor(connection: Connection, chai_store: ChaiStore) -> None:
    connection.execute("DROP TABLE sessions")
    with pytest.raises(NotOrdinaryError):
        look_up(connection, KEY)
    assert chai_store.find(KEY) is None  # which makes them anew


@pytest.fixture
def proxy(
    chai_store: ChaiStore, connection: Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    chai_store.insert(KEY, b"x" * 1000, SOON)
    proxy = Proxy(Path(connection.info.host) / ".s.PGSQL.5432", tmp_path_factory.mktemp("p"))
    yield proxy
    proxy.close()


MEDDLING: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda answer: b"",
    "half": lambda answer: answer[: len(answer) // 2],
    "all but the end": lambda answer: answer[:-6],  # without ReadyForQuery
    "garbage": lambda answer: b"\0\xff" * len(answer),
    "no row": lambda answer: b"Z\0\0\0\5I",
    "an error": lambda answer: b"E\0\0\0\x16SERROR\0C57P01\0M!\0\0",
}


@pytest.mark.parametrize("how", MEDDLING)
def test_a_broken_answer_costs_the_timeout_and_no_more(proxy: Proxy, how: str) -> None:
    with closing(ChaiStore(proxy.dsn, timeout=10)) as store:
        assert store.find(KEY) == Record(b"x" * 1000, SOON)
        proxy.change = MEDDLING[how]
        started = time.monotonic()
        with pytest.raises(StoreError):
            store.with_timeout(0.5).find(KEY)
        assert time.monotonic() - started < 30, "it hung"
        proxy.change = bytes
        assert store.find(KEY) == Record(b"x" * 1000, SOON)


def test_an_answer_may_come_in_parts(proxy: Proxy) -> None:
    with closing(ChaiStore(proxy.dsn, timeout=20)) as store:
        store.find(KEY)
        proxy.parts = 7
        assert store.find(KEY) == Record(b"x" * 1000, SOON)
