"""Threads on one database: sessions stay apart, and requests on one session lose nothing."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from wsgi_chaisession import ChaiStore, Session, SessionMiddleware, tokens

THREADS = 8


def request(
    store: ChaiStore, token: str | None, action: Callable[[Session], Any], **options: Any
) -> str | None:
    """One request, run to its end; the token of its session."""
    environ: dict[str, Any] = {"HTTP_COOKIE": f"session={token}"} if token else {}
    setup_testing_defaults(environ)
    status: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        action(environ["chaisession.session"])
        start_response("200 OK", [])
        return []

    def start_response(line: str, headers: Any, exc_info: Any = None, /) -> Any:
        status.append(line)

    SessionMiddleware(app, store, store_timeout=20, **options)(environ, start_response)
    assert status == ["200 OK"]
    session: Session = environ["chaisession.session"]
    return session.token


@pytest.fixture
def token(chai_store: ChaiStore) -> str:
    token = request(chai_store, None, lambda session: session.update(start=1))
    assert token is not None
    return token


def run_together(work: Callable[[int], object]) -> None:
    """Run *work* in all threads, none starting before all are there."""
    barrier = threading.Barrier(THREADS)

    def run(number: int) -> None:
        barrier.wait(30)
        work(number)

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(run, range(THREADS)))


def test_w10_sessions_of_concurrent_visitors_stay_apart(chai_store: ChaiStore) -> None:
    results: dict[int, dict[str, Any]] = {}

    def visitor(number: int) -> None:
        token = None
        for visit in range(15):
            token = request(chai_store, token, lambda session: session.update(who=number, visit=visit))  # noqa: B023
        request(chai_store, token, lambda session: results.update({number: dict(session)}))

    run_together(visitor)
    assert results == {number: {"who": number, "visit": 14} for number in range(THREADS)}


def test_a11_many_requests_on_one_session_all_leave_their_key(chai_store: ChaiStore, token: str) -> None:
    def change(number: int) -> None:
        for round_ in range(3):
            request(chai_store, token, lambda session: session.update({f"k{number}.{round_}": number}))  # noqa: B023

    run_together(change)
    seen: dict[str, Any] = {}
    request(chai_store, token, seen.update)
    assert len(seen) == 1 + THREADS * 3


def test_a10_a_logout_among_changes_is_final(chai_store: ChaiStore, token: str) -> None:
    def act(number: int) -> None:
        if number == 3:
            request(chai_store, token, Session.destroy)
        else:
            request(
                chai_store, token, lambda session: "start" in session and session.update({f"k{number}": 1})
            )

    run_together(act)
    assert chai_store.find(tokens.hash_token(token)) is None
    assert chai_store.count() == 0


@pytest.fixture(params=["chai_store", "pg_store"])
def any_store(request: pytest.FixtureRequest) -> ChaiStore:
    store: ChaiStore = request.getfixturevalue(request.param)
    return store


def test_a6_renewals_among_changes_lose_nothing_that_was_saved(any_store: ChaiStore) -> None:
    current = [request(any_store, None, lambda session: session.update(start=1))]
    saved: set[str] = set()

    def put(key: str) -> None:
        token = current[0]
        kept = request(any_store, token, lambda session: "start" in session and session.update({key: 1}))
        if kept == token:  # else the token was renewed before, and there was no such session any more
            saved.add(key)

    def act(number: int) -> None:
        for round_ in range(6):
            if number:
                put(f"k{number}.{round_}")
            else:
                current[0] = request(any_store, current[0], Session.renew_token)

    run_together(act)
    found: dict[str, Any] = {}
    request(any_store, current[0], found.update)
    assert saved
    assert saved <= found.keys()
    assert any_store.count() == 1


def test_of_many_that_merge_one_session_one_gets_it(any_store: ChaiStore) -> None:
    def begin(number: int) -> str | None:
        return request(any_store, None, lambda session: session.update(mine=number))

    mine = [begin(number) for number in range(THREADS)]
    other = request(any_store, None, lambda session: session.update(theirs=1))
    assert other is not None
    run_together(lambda number: request(any_store, mine[number], lambda session: session.merge(other)))
    found: list[dict[str, Any]] = []
    for token in mine:
        request(any_store, token, lambda session: found.append(dict(session)))
    assert sorted(values["mine"] for values in found) == list(range(THREADS))
    assert sum("theirs" in values for values in found) == 1
    assert any_store.count() == THREADS


def test_a22_a_reaper_beside_touching_requests_takes_expired_sessions_only(chai_store: ChaiStore) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    for i in range(200):
        chai_store.insert(f"expired{i:03}", b"x", past)
    tokens_: list[str | None] = []
    deleted: list[int] = []

    def act(number: int) -> None:
        if number == 0:
            while gone := chai_store.delete_expired(7):
                deleted.append(gone)
        else:
            token = None
            for visit in range(10):
                token = request(
                    chai_store,
                    token,
                    lambda session: session.update(visit=visit),  # noqa: B023
                    idle_timeout=timedelta(hours=1),
                    touch_interval=timedelta(0),
                )
            tokens_.append(token)

    run_together(act)
    assert sum(deleted) == 200
    assert max(deleted) == 7
    assert chai_store.count() == len(tokens_) == THREADS - 1
    assert chai_store.count_expired() == 0
