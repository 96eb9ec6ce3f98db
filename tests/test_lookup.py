"""Finding a session past psycopg's cursors, and the ways back to them."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wsgi_chaisession import ChaiStore, Record, StoreError, chai, tokens
from wsgi_chaisession.lookup import NotOrdinaryError, look_up
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
    assert record == chai._find_by_cursor(connection, KEY) == Record(bytes(range(256)) * 100, SOON)
    assert look_up(connection, KEY[::-1]) is None is chai._find_by_cursor(connection, KEY[::-1])


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
    assert chai._find(connection, KEY) == Record(b"x", SOON)  # by a cursor
    assert look_up(connection, KEY) == Record(b"x", SOON)


def test_a_database_without_tables_is_left_to_a_cursor(connection: Connection, chai_store: ChaiStore) -> None:
    connection.execute("DROP TABLE sessions")
    with pytest.raises(NotOrdinaryError):
        look_up(connection, KEY)
    assert chai_store.find(KEY) is None  # which makes them anew


class Meddler:
    """Between client and server; *meddle* changes answers once it is set."""

    def __init__(self, target: str, folder: Path) -> None:
        self.dsn = f"postgresql://chai@/chai?host={folder}&sslmode=disable&gssencmode=disable"
        self.meddle: Callable[[bytes], bytes] = bytes
        self.parts = 1
        self._target = target
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                server.connect(self._target)
                for source, sink, change in ((client, server, False), (server, client, True)):
                    threading.Thread(target=self._pass_on, args=(source, sink, change), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, change: bool) -> None:
        with sink, suppress(OSError):
            while data := source.recv(65536):
                answer = self.meddle(data) if change else data
                step = -(-len(answer) // self.parts) or 1
                for start in range(0, len(answer), step):
                    sink.sendall(answer[start : start + step])
                    time.sleep(0.02 if self.parts > 1 else 0)


@pytest.fixture
def meddler(
    chai_store: ChaiStore, connection: Connection, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Meddler]:
    chai_store.insert(KEY, b"x" * 1000, SOON)
    meddler = Meddler(f"{connection.info.host}/.s.PGSQL.5432", tmp_path_factory.mktemp("p"))
    yield meddler
    meddler.close()


MEDDLING: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda answer: b"",
    "half": lambda answer: answer[: len(answer) // 2],
    "all but the end": lambda answer: answer[:-6],  # without ReadyForQuery
    "garbage": lambda answer: b"\0\xff" * len(answer),
    "no row": lambda answer: b"Z\0\0\0\5I",
    "an error": lambda answer: b"E\0\0\0\x16SERROR\0C57P01\0M!\0\0",
}


@pytest.mark.parametrize("how", MEDDLING)
def test_a_broken_answer_costs_the_timeout_and_no_more(meddler: Meddler, how: str) -> None:
    with closing(ChaiStore(meddler.dsn, timeout=10)) as store:
        assert store.find(KEY) == Record(b"x" * 1000, SOON)
        meddler.meddle = MEDDLING[how]
        started = time.monotonic()
        with pytest.raises(StoreError):
            store.with_timeout(0.5).find(KEY)
        assert time.monotonic() - started < 8  # libpq gives a connection attempt two seconds at least
        meddler.meddle = bytes
        assert store.find(KEY) == Record(b"x" * 1000, SOON)


def test_an_answer_may_come_in_parts(meddler: Meddler) -> None:
    with closing(ChaiStore(meddler.dsn, timeout=20)) as store:
        store.find(KEY)
        meddler.parts = 7
        assert store.find(KEY) == Record(b"x" * 1000, SOON)
