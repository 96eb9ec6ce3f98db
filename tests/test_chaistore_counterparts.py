"""The seven tests of chaistore, the Go store this project began from, by their names there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chaisql import connect
from reaper import Reaper
from wsgi_chaisession import ChaiStore

MINUTE = timedelta(minutes=1)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def store(chai_store: ChaiStore) -> ChaiStore:
    return chai_store


def rows(directory: Path) -> list[tuple[str, bytes]]:
    """What is in the table, asked of the database and not of the store."""
    with connect(directory) as connection:
        return connection.execute("SELECT token, data FROM sessions ORDER BY token").fetchall()


def test_find(store: ChaiStore, shared_dir: Path) -> None:
    with connect(shared_dir) as connection:
        connection.execute(
            "INSERT INTO sessions (token, data, expiry) VALUES (%s, %s, %s)",
            ("session_token", b"encoded_data", (now() + MINUTE).replace(tzinfo=None)),
        )
    record = store.find("session_token")
    assert record is not None
    assert record.data == b"encoded_data"


def test_find_missing(store: ChaiStore) -> None:
    assert store.find("missing_session_token") is None


def test_save_new(store: ChaiStore, shared_dir: Path) -> None:
    store.commit("session_token", b"encoded_data", now() + MINUTE)
    assert rows(shared_dir) == [("session_token", b"encoded_data")]


def test_save_updated(store: ChaiStore, shared_dir: Path) -> None:
    store.commit("session_token", b"encoded_data", now() + MINUTE)
    store.commit("session_token", b"new_encoded_data", now() + MINUTE)
    assert rows(shared_dir) == [("session_token", b"new_encoded_data")]


def test_expiry(store: ChaiStore) -> None:
    expiry = now() + timedelta(milliseconds=300)
    store.commit("session_token", b"encoded_data", expiry)
    assert store.find("session_token") is not None
    while now() <= expiry:  # the real clock, since the database judges by it
        pass
    assert store.find("session_token") is None


def test_cleanup(store: ChaiStore, shared_dir: Path) -> None:
    store.commit("expired_token", b"encoded_data", now() - MINUTE)
    store.commit("session_token", b"encoded_data", now() + MINUTE)
    assert len(rows(shared_dir)) == 2
    assert Reaper(store).run_once().deleted == 1
    assert rows(shared_dir) == [("session_token", b"encoded_data")]


def test_stop_nil_cleanup(store: ChaiStore) -> None:
    reaper = Reaper(store)
    reaper.stop()
    reaper.stop()
    assert store.find("session_token") is None
