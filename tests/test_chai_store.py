"""ChaiStore beyond the contract: when it connects, what it survives, what it says.

Outages are real: chaisqld is killed and stopped by signals, and proxies lose answers on the way.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import chaisql
from proxy import Proxy
from waiting import stopped
from wsgi_chaisession import ChaiStore, Record, StoreError, StoreUnavailable, tokens

KEY = tokens.hash_token("one")
SOON = datetime.now(UTC) + timedelta(hours=1)
LATER = SOON + timedelta(hours=1)
PidOf = Callable[[Path], int]
LONG = 30.0  # seconds: what takes less has not hung, however busy the machine is


# -- construction --------------------------------------------------------------


def test_nothing_happens_before_the_first_call(chai_dir: Path) -> None:
    store = ChaiStore(chai_dir)
    store.with_timeout(1)
    store.close()
    assert not chai_dir.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path_or_url": ""}, "must not be empty: give a directory"),
        ({"path_or_url": "mysql://x/y"}, "mysql:// is not supported"),
        ({"path_or_url": ":memory:"}, "give the store a directory"),
        ({"path_or_url": "x", "timeout": 0}, "timeout must be positive and finite, not 0"),
        ({"path_or_url": "x", "max_connections": 0}, "max_connections must be positive, not 0"),
    ],
)
def test_options_are_checked_at_construction(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ChaiStore(**options)


def test_a_relative_path_means_the_directory_of_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = ChaiStore("chai")
    monkeypatch.chdir("/")
    assert repr(store) == f"<ChaiStore {tmp_path / 'chai'}>"


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(ChaiStore("postgresql://user:secret@host/db"))


def test_naive_times_are_refused(chai_store: ChaiStore) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        chai_store.insert(KEY, b"x", datetime(2030, 1, 1))  # noqa: DTZ001 - that is the mistake


# -- schema --------------------------------------------------------------------


def test_a_new_directory_gets_server_and_schema_by_the_first_call(store: ChaiStore, chai_dir: Path) -> None:
    assert store.find(KEY) is None
    with chaisql.connect(chai_dir) as connection:
        assert connection.execute("SELECT count(*) FROM session_principals").fetchone() == (0,)


def test_a_new_directory_used_by_many_at_once(chai_dir: Path) -> None:
    stores = [ChaiStore(chai_dir, timeout=20) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda pair: pair[1].insert(f"k{pair[0]}", b"x", SOON), enumerate(stores)))
    assert made == [True] * 6
    assert stores[0].count() == 6
    for store in stores:
        store.close()


def test_a_database_behind_a_url_is_not_changed_unasked(chai_dir: Path) -> None:
    with chaisql.Server(chai_dir) as server:
        store = ChaiStore(server.dsn, timeout=10)
        with pytest.raises(StoreError, match=r"create_schema\(\) creates the tables"):
            store.find(KEY)
        store.create_schema()
        assert store.insert(KEY, b"x", SOON)
        store.close()


def test_the_reapers_runs_add_up(chai_store: ChaiStore) -> None:
    before = chai_store.reaper_status()
    chai_store.record_reaper_run(3, 0.5)
    chai_store.record_reaper_run(4, 0.25)
    after = chai_store.reaper_status()
    assert after is not None
    runs, deleted = (before.runs, before.deleted) if before else (0, 0)
    assert (after.runs, after.deleted) == (runs + 2, deleted + 7)
    assert (after.last_deleted, after.seconds) == (4, 0.25)
    assert abs(after.finished - datetime.now(UTC)) < timedelta(minutes=1)


# -- principals ----------------------------------------------------------------


@pytest.fixture(params=["chai_store", "pg_store"])
def any_store(request: pytest.FixtureRequest) -> ChaiStore:
    store: ChaiStore = request.getfixturevalue(request.param)
    return store


def renewing(store: ChaiStore, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let alice's one session be renewed after each of the first *times* looks for her sessions."""
    look, keys = store.find_principal, [f"k{i}" for i in range(times + 1)]
    store.insert(keys[0], b"x", SOON, principal="alice")

    def look_and_lag(principal: str) -> list[str]:
        found = look(principal)
        if len(keys) > 1:
            old = keys.pop(0)
            assert store.insert(keys[0], b"x", SOON, principal="alice", ending={old: b"x"})
        return found

    monkeypatch.setattr(store, "find_principal", look_and_lag)


def test_a23_sessions_that_are_renewed_meanwhile_end_too(
    any_store: ChaiStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    any_store.insert(KEY, b"x", SOON, principal="alice")
    renewing(any_store, monkeypatch, times=2)
    assert any_store.delete_principal("alice", except_key=KEY) == 1
    assert [key for key, _ in any_store.all()] == [KEY]


def test_a23_ending_sessions_faster_than_they_are_made_is_given_up(
    any_store: ChaiStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewing(any_store, monkeypatch, times=100)
    with pytest.raises(StoreError, match="after 20 looks there are new ones"):
        any_store.delete_principal("alice")


@pytest.mark.parametrize("number", [2, 3, 4, 5, 6])
def test_a23_no_page_of_a_principals_sessions_is_left_out(
    any_store: ChaiStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("wsgi_chaisession.chai._PRINCIPAL_PAGE", 3)
    for i in range(number):
        any_store.insert(f"k{i}", b"x", SOON, principal="alice")
    assert any_store.find_principal("alice") == [f"k{i}" for i in range(number)]


# -- connections ---------------------------------------------------------------


def test_connections_are_few_and_used_again(shared_dir: Path, chai_store: ChaiStore) -> None:
    store = ChaiStore(shared_dir, timeout=20, max_connections=2)
    with ThreadPoolExecutor(12) as pool:
        assert list(pool.map(lambda i: store.insert(f"k{i}", b"x", SOON), range(60))) == [True] * 60
    [shelf] = store._database.pool._shelves.values()
    assert (len(shelf._idle), shelf._free) == (len(shelf._idle), 2)
    assert 1 <= len(shelf._idle) <= 2
    store.close()


def test_waiting_for_a_connection_ends_in_time(shared_dir: Path, chai_store: ChaiStore) -> None:
    store = ChaiStore(shared_dir, timeout=0.3, max_connections=1)
    with store._database.pool.connection(time.monotonic() + 20):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="all 1 connections of this process are in use"):
            store.find(KEY)
        assert 0.25 < time.monotonic() - began < LONG
    store.close()


def test_a_connection_that_comes_back_in_the_last_moment_is_taken(
    shared_dir: Path, chai_store: ChaiStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was notified of it is the only one: if it gave up, others would wait for nothing."""
    store = ChaiStore(shared_dir, timeout=20, max_connections=1)
    shelf = store._database.pool._shelf()
    with store._database.pool.connection(time.monotonic() + 20):

        def notified_too_late(timeout: float | None = None) -> bool:
            shelf._free += 1
            return False

        monkeypatch.setattr(shelf._changed, "wait", notified_too_late)
        assert store.find(KEY) is None
    store.close()


def test_w11_a_forked_child_uses_connections_of_its_own(chai_store: ChaiStore) -> None:
    chai_store.insert(KEY, b"parent", SOON)
    [parents] = [shelf._idle[-1].pgconn.backend_pid for shelf in chai_store._database.pool._shelves.values()]
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            record = chai_store.find(KEY)
            own = chai_store._database.pool._shelves[os.getpid()]._idle[-1].pgconn.backend_pid
            chai_store.insert("child", b"child", SOON)
            chai_store.close()
            os.write(writing, f"{record and record.data!r} {own != parents}".encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"b'parent' True"
    os.close(reading)
    os.close(writing)
    assert chai_store.find("child") is not None, "the parent's connection is untouched by the child's end"
    assert chai_store._database.pool._shelves[os.getpid()]._idle[-1].pgconn.backend_pid == parents


# -- outages -------------------------------------------------------------------


def test_after_kill_9_the_next_call_finds_everything(store: ChaiStore, chai_dir: Path, pid_of: PidOf) -> None:
    for i in range(20):
        assert store.insert(f"k{i}", b"acknowledged", SOON)
    before = pid_of(chai_dir)
    os.kill(before, signal.SIGKILL)
    assert store.find("k19") == Record(b"acknowledged", SOON)
    assert store.count() == 20
    assert pid_of(chai_dir) != before


@pytest.mark.parametrize("call", ["find", "insert", "replace principal", "delete"])
def test_a_hanging_server_costs_the_timeout_and_no_more(
    store: ChaiStore, chai_dir: Path, pid_of: PidOf, call: str
) -> None:
    store.insert(KEY, b"x", SOON)
    hasty = store.with_timeout(0.5)
    calls: dict[str, Callable[[], object]] = {
        "find": lambda: hasty.find(KEY),
        "insert": lambda: hasty.insert("k2", b"x", SOON),
        "replace principal": lambda: hasty.replace(KEY, b"x", b"y", SOON, principal="alice"),
        "delete": lambda: hasty.delete(KEY),
    }
    with stopped(pid_of(chai_dir)):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.5 s"):
            calls[call]()
        assert time.monotonic() - began < LONG
    assert store.find(KEY) is not None or call == "delete", "it recovers by itself"


def test_connecting_to_a_hanging_server_ends_in_time_too(
    store: ChaiStore, chai_dir: Path, pid_of: PidOf
) -> None:
    store.insert(KEY, b"x", SOON)
    store.close()
    with stopped(pid_of(chai_dir)):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable):
            store.with_timeout(0.5).find(KEY)
        assert time.monotonic() - began < LONG
    assert store.find(KEY) is not None


def test_nobody_serves_behind_a_url(tmp_path: Path) -> None:
    store = ChaiStore(f"postgresql://user@/db?host={tmp_path}", timeout=0.4)
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"did not answer within 0\.4 s") as caught:
        store.find(KEY)
    assert time.monotonic() - began < LONG
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("kind", ["file", "missing parent"])
def test_a_directory_that_cannot_be_is_reported_at_once(tmp_path: Path, kind: str) -> None:
    target = tmp_path / "file" if kind == "file" else tmp_path / "no" / "such"
    if kind == "file":
        target.write_text("not a database")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match=str(target)):
        ChaiStore(target, timeout=3 * LONG).find(KEY)
    assert time.monotonic() - began < LONG


def test_a_statement_that_is_refused_is_not_repeated(chai_store: ChaiStore) -> None:
    with pytest.raises(StoreError, match="the store refused a call") as caught:
        chai_store.insert("k" * 500, b"x", SOON)
    assert not isinstance(caught.value, StoreUnavailable)
    assert chai_store.find(KEY) is None, "the connection is still good"


# -- answers that get lost -----------------------------------------------------


@pytest.fixture
def proxy(
    chai_store: ChaiStore, shared_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    chai_store.find(KEY)
    with chaisql.connect(shared_dir) as connection:
        folder = Path(connection.info.host)
    proxy = Proxy(folder / ".s.PGSQL.5432", tmp_path_factory.mktemp("p"))
    yield proxy
    proxy.close()


@pytest.fixture
def lossy(proxy: Proxy) -> Iterator[ChaiStore]:
    store = ChaiStore(proxy.dsn, timeout=10)
    store.find(KEY)
    yield store
    store.close()


# More than a write gets: of its transaction, of each statement, of preparing that on a new connection.
ANSWERS = 14
Write = Callable[[ChaiStore, str], bool]
WRITES: dict[str, Write] = {
    "insert": lambda store, key: store.insert(key, b"2", SOON),
    "insert, principal": lambda store, key: store.insert(key, b"2", SOON, principal="bob"),
    "replace": lambda store, key: store.replace(f"old {key}", b"1", b"2", SOON),
    "replace, principal": lambda store, key: store.replace(f"old {key}", b"1", b"2", SOON, principal="bob"),
    "touch, principal": lambda store, key: store.touch(f"old {key}", LATER, principal="bob"),
    "renew": lambda store, key: store.insert(key, b"2", SOON, principal="bob", ending={f"old {key}": b"1"}),
    "delete": lambda store, key: store.delete(f"old {key}"),
    "delete what is held": lambda store, key: store.delete(f"old {key}", data=b"1"),
}


@pytest.mark.parametrize("name", WRITES)
def test_a_write_is_done_once_and_said_so_whichever_answer_is_lost(
    proxy: Proxy, lossy: ChaiStore, chai_store: ChaiStore, name: str
) -> None:
    def all_of(key: str) -> list[object]:
        return [
            chai_store.find(key),
            chai_store.find(f"old {key}"),
            *map(chai_store.find_principal, ("ann", "bob")),
        ]

    def lose(answer: int | None) -> list[object]:
        key = f"k{answer}"
        chai_store.insert(f"old {key}", b"1", SOON, principal="ann")
        proxy.passes, proxy.lose = answer or 0, 0 if answer is None else 1
        assert WRITES[name](lossy, key)
        proxy.lose = 0
        found: list[object] = [str(part).replace(key, "key") for part in all_of(key)]
        chai_store.delete(key)
        chai_store.delete(f"old {key}")
        return found

    expected = lose(None)
    for answer in range(ANSWERS):
        assert lose(answer) == expected, f"answer {answer}"


@pytest.mark.parametrize("passes", range(4))
def test_a_repeat_of_what_did_not_happen_says_so(proxy: Proxy, lossy: ChaiStore, passes: int) -> None:
    lossy.insert(KEY, b"1", SOON)
    writes: list[Callable[[], bool]] = [
        lambda: lossy.insert(KEY, b"other", SOON),
        lambda: lossy.replace(KEY, b"not this", b"3", SOON),
        lambda: lossy.delete(KEY, data=b"not this"),
    ]
    for write in writes:
        proxy.passes, proxy.lose = passes, 1
        assert not write()
        proxy.lose = 0
        assert lossy.find(KEY) == Record(b"1", SOON)


def test_losing_one_answer_after_another_only_takes_longer(proxy: Proxy, lossy: ChaiStore) -> None:
    proxy.lose = 4
    assert lossy.insert(KEY, b"1", SOON, principal="alice")
    assert lossy.find_principal("alice") == [KEY]


@pytest.mark.parametrize("now", [b"held", b"changed"])
def test_a_repeat_is_not_taken_in_by_what_another_wrote(proxy: Proxy, lossy: ChaiStore, now: bytes) -> None:
    """The same data came from elsewhere; what was to end with ours is still there, so ours was not done."""
    lossy.insert(KEY, b"theirs", SOON)
    lossy.insert("other", now, SOON)
    proxy.lose = 1
    assert not lossy.replace(KEY, b"mine", b"theirs", SOON, ending={"other": b"held"})
    assert lossy.find("other") == Record(now, SOON)
