"""A store that fails: how long a request waits, what its client is told, and what may be tried again."""

from collections.abc import Callable
from typing import Any

import pytest

from stepping import Stepping
from wsgi_chaisession import Session, SessionMiddleware, StoreError, StoreUnavailable, tokens
from wsgi_chaisession.testing import ManualClock, MemoryStore


class Slow(Stepping):
    """Does not answer while it is ``down``; counts how often somebody waited for it in vain."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.down = False
        self.waits = 0

    def step(self, when: str, method: str) -> None:
        super().step(when, method)
        if self.down:
            self.waits += 1
            raise StoreUnavailable(f"{method} did not answer within 2.0 s")


@pytest.fixture
def memory(clock: ManualClock) -> Slow:
    return Slow(clock)


def in_vain(call: Callable[[], object]) -> None:
    with pytest.raises(StoreUnavailable):
        call()


# -- one deadline for each request ------------------------------------------------------


def test_a_request_waits_once_for_its_load(browser: Any, memory: Slow) -> None:
    browser.put(a=1)
    memory.down = True

    def act(session: Session) -> None:
        for call in (lambda: session["a"], session.commit, session.destroy, lambda: session.update(b=1)):
            in_vain(call)

    response = browser.do(act)
    assert memory.waits == 1
    assert response.headers["Vary"] == "Cookie", "another client might have got another answer"
    assert "Set-Cookie" not in response.headers


def test_and_once_for_its_commit(browser: Any, memory: Slow) -> None:
    browser.put(a=1)

    def act(session: Session) -> None:
        session["a"] = 2
        memory.down = True
        for call in (session.commit, session.commit, session.destroy):
            in_vain(call)

    browser.do(act, status=503)
    assert memory.waits == 1
    memory.down = False
    assert browser.get("a") == 1


def test_what_has_changed_nothing_needs_no_store_that_has_failed(
    make_site: Callable[..., Any], memory: Slow, clock: ManualClock, hour: Any
) -> None:
    """A logout that failed is the application's to report; the touch that is due can wait."""
    browser = make_site(idle_timeout=hour).browser()
    browser.put(a=1)
    clock.advance(hour / 2)

    def act(session: Session) -> None:
        session.get("a")
        memory.down = True
        in_vain(session.destroy)

    assert browser.do(act).status_int == 200
    assert memory.waits == 1


def test_the_next_request_asks_again(browser: Any, memory: Slow) -> None:
    browser.put(a=1)
    memory.down = True
    browser.do(dict, status=503)
    memory.down = False
    assert browser.get("a") == 1


def test_outside_of_requests_the_store_is_asked_again(site: Any, memory: Slow) -> None:
    session = site.middleware.open(None)
    session["a"] = 1
    memory.down = True
    in_vain(session.commit)
    in_vain(session.commit)
    assert memory.waits == 2
    memory.down = False
    session.commit()
    [met] = site.middleware.sessions()
    memory.down = True
    met["b"] = 1
    in_vain(met.commit)
    memory.down = False
    met.commit()
    assert dict(site.middleware.open(session.token)) == {"a": 1, "b": 1}


def test_all_calls_of_a_commit_share_one_deadline(
    browser: Any, memory: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each call of a store may take its whole timeout and answer; conflicts must not add them up."""
    browser.put(a=1)
    tab = browser.site.browser()
    tab.cookie = browser.cookie
    now = [0.0]
    monkeypatch.setattr("wsgi_chaisession.commit.monotonic", lambda: now[0])
    left: list[float] = []

    def with_timeout(seconds: float) -> Slow:
        left.append(round(seconds, 1))
        now[0] += 0.6  # what the call takes
        return memory

    def act(session: Session) -> None:
        session["a"] = 2
        tab.put(a=3)
        monkeypatch.setattr(memory, "with_timeout", with_timeout)
        for _ in range(5):
            memory.before_next("replace", lambda: memory._rows.update(rewritten(memory)))

    response = browser.do(act, status=503)
    assert left == [2.0, 1.4, 0.8, 0.2]
    assert response.headers["Retry-After"]


def rewritten(memory: MemoryStore) -> dict[str, Any]:
    """The rows as another request would leave them."""
    from dataclasses import replace

    from wsgi_chaisession import MsgpackCodec

    codec = MsgpackCodec()
    rows = {}
    for key, record in memory._rows.items():
        payload = codec.loads(record.data)
        payload["values"]["theirs"] = payload["values"].get("theirs", 0) + 1
        rows[key] = replace(record, data=codec.dumps(payload))
    return rows


def test_so_do_the_looks_for_several_tokens(
    browser: Any, memory: Slow, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.put(a=1)
    now = [0.0]
    monkeypatch.setattr("wsgi_chaisession.keeper.monotonic", lambda: now[0])
    left: list[float] = []

    def with_timeout(seconds: float) -> Slow:
        left.append(round(seconds, 2))
        return memory

    def take_long() -> None:
        now[0] += 0.8

    monkeypatch.setattr(memory, "with_timeout", with_timeout)
    for _ in range(4):
        memory.after_next("find", take_long)
    sent = "; ".join(f"session={token}" for token in [*(tokens.generate() for _ in range(3)), browser.cookie])
    browser.do(dict, headers={"Cookie": sent})
    assert browser.result == {"a": 1}
    assert left == [1.2, 0.4, 0.01]


# -- answers that got lost --------------------------------------------------------------


def lost(memory: Slow, method: str) -> None:
    """The work is done, and the store says that it was not."""
    memory.fail_next(method, landed=True, error=StoreError("refused"))


@pytest.mark.parametrize("renew", [False, True])
def test_a_new_session_is_recognised_by_who_has_stored_it(browser: Any, memory: Slow, renew: bool) -> None:
    if renew:
        browser.put(old=1)

    def act(session: Session) -> None:
        session["a"] = 1
        if renew:
            session.renew_token()
        lost(memory, "insert")
        with pytest.raises(StoreError):
            session.commit()
        session["b"] = 2

    browser.do(act)
    browser.do(dict)
    assert browser.result == ({"old": 1} if renew else {}) | {"a": 1, "b": 2}
    assert memory.count() == 1


def test_a_session_that_was_stored_without_an_answer_can_be_destroyed(browser: Any, memory: Slow) -> None:
    def act(session: Session) -> None:
        session["a"] = 1
        lost(memory, "insert")
        with pytest.raises(StoreError):
            session.commit()
        session.destroy()

    browser.do(act)
    assert memory.count() == 0


def test_a_change_that_was_stored_is_no_conflict_with_itself(site: Any, browser: Any, memory: Slow) -> None:
    browser.put(a=1)

    def act(session: Session) -> None:
        memory.trace.clear()
        session.flash("once")
        lost(memory, "replace")
        with pytest.raises(StoreError):
            session.commit()

    browser.do(act)
    assert memory.trace.count("before replace") == 1, "it is not written a second time"
    browser.do(lambda session: [flash.message for flash in session.flashes()])
    assert browser.result == ["once"]
    assert site.middleware.counters["conflict"] == 0


def test_what_was_refused_indeed_is_written_by_the_next_try(browser: Any, memory: Slow) -> None:
    browser.put(a=1)

    def act(session: Session) -> None:
        session["a"] = 2
        memory.fail_next("replace", error=StoreError("refused"))
        with pytest.raises(StoreError):
            session.commit()

    browser.do(act)
    assert browser.get("a") == 2


def test_a_store_that_denies_its_own_insert_is_not_believed(browser: Any, memory: Slow) -> None:
    """As one that repeats a call of its own accord might."""
    insert = memory.insert
    memory.insert = lambda *args, **options: insert(*args, **options) and False  # type: ignore[method-assign]
    browser.put(a=1)
    assert browser.get("a") == 1
    assert memory.count() == 1


def test_a_session_emptied_after_a_lost_answer_is_empty(browser: Any, memory: Slow) -> None:
    def act(session: Session) -> None:
        session["a"] = 1
        lost(memory, "insert")
        with pytest.raises(StoreError):
            session.commit()
        session.clear()

    browser.do(act)
    assert memory.sessions == [{}]


# -- what the application makes of it ----------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answered"),
    [("500 Internal Server Error", 503), ("502 Bad Gateway", 502), ("503 Busy", 503), ("200 OK", 200)],
)
def test_only_what_a_framework_makes_of_an_error_is_replaced(
    browser: Any, memory: Slow, status: str, answered: int
) -> None:
    browser.put(a=1)
    browser.site.status = status
    memory.fail_next("find")

    def act(session: Session) -> None:
        in_vain(lambda: session.get("a"))

    response = browser.do(act, status=answered)
    assert (response.text == "ok") == (not status.startswith("500"))


def test_a_failure_that_was_overcome_is_forgotten(site: Any, browser: Any, memory: Slow) -> None:
    site.status = "500 Internal Server Error"

    def act(session: Session) -> None:
        session["a"] = 1
        memory.fail_next("insert", error=StoreError("refused"))
        with pytest.raises(StoreError):
            session.commit()
        session.commit()

    assert browser.do(act, status=500).text == "ok"
    site.status = "200 OK"
    assert browser.get("a") == 1


# -- stores and codecs of one's own -------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda record: (record.data, record.expiry),
        lambda record: "text",
        lambda record: True,
        lambda record: type(record)(record.data, record.expiry.replace(tzinfo=None)),
        lambda record: type(record)(record.data, None),
    ],
    ids=["tuple", "text", "True", "naive", "no expiry"],
)
def test_an_answer_that_is_no_record_is_the_stores_failure(browser: Any, memory: Slow, make: Any) -> None:
    browser.put(a=1)
    find = memory.find
    memory.find = lambda key: make(find(key))  # type: ignore[method-assign]
    browser.do(dict, status=503)


def test_an_error_after_the_first_part_is_raised_and_no_second_answer(memory: Slow) -> None:
    started: list[str] = []

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])(b"part")
        environ["chaisession.session"].get("a")
        return []

    def start_response(status: str, headers: Any, exc_info: Any = None, /) -> Any:
        started.append(status)
        return lambda data: None

    memory.fail_next("find")
    middleware = SessionMiddleware(app, memory)
    with pytest.raises(StoreUnavailable):
        middleware({"HTTP_COOKIE": f"session={tokens.generate()}"}, start_response)
    assert started == ["200 OK"]
