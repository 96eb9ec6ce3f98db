"""Sessions met outside of their own request: iteration, devices, logging out elsewhere, other transports."""

from datetime import timedelta
from typing import Any
from wsgiref.validate import validator

import pytest
from webtest import TestApp

from wsgi_chaisession import (
    ChaiStore,
    HeadersSent,
    MsgpackCodec,
    Session,
    SessionMiddleware,
    TokenHeader,
    tokens,
)
from wsgi_chaisession.testing import ManualClock, MemoryStore

HOUR = timedelta(hours=1)


def log_in(browser: Any, name: str, label: str = "") -> None:
    def act(session: Session) -> None:
        session.renew_token()
        session.principal = name
        session.label = label

    browser.do(act)


def test_a24_iterating_sees_every_active_session(site: Any, clock: ManualClock) -> None:
    for number in range(5):
        site.browser().put(n=number)
    assert sorted(session["n"] for session in site.middleware.sessions()) == [0, 1, 2, 3, 4]
    clock.advance(25 * HOUR)
    assert list(site.middleware.sessions()) == []


def test_a24_destroying_while_iterating_works_though_tokens_are_hashed(site: Any) -> None:
    people = [site.browser() for _ in range(6)]
    for number, person in enumerate(people):
        person.put(user=number % 2)
    for session in site.middleware.sessions():
        if session["user"] == 1:
            session.destroy()
    assert [person.get("user") for person in people] == [0, None, 0, None, 0, None]


def test_a24_destroying_while_iterating_over_a_database(chai_store: ChaiStore) -> None:
    middleware = SessionMiddleware(lambda environ, start_response: [], chai_store)
    for number in range(5):
        session = middleware.open(None)
        session["n"] = number
        session.commit()
    for session in middleware.sessions():
        session.destroy()
    assert chai_store.count() == 0


def test_a24_changes_while_iterating_are_guarded(site: Any, browser: Any) -> None:
    browser.put(a=1)
    for session in site.middleware.sessions():
        session["b"] = 2
        browser.put(c=3)  # the visitor comes in between
        session.commit()
    browser.do(dict)
    assert browser.result == {"a": 1, "b": 2, "c": 3}


def test_a24_an_error_stops_the_iteration(site: Any, browser: Any, memory: MemoryStore) -> None:
    browser.put(a=1)
    with pytest.raises(ZeroDivisionError):
        for _ in site.middleware.sessions():
            raise ZeroDivisionError
    assert memory.count() == 1


def test_a24_an_unreadable_session_is_passed_over(site: Any, browser: Any, memory: MemoryStore) -> None:
    browser.put(a=1)
    memory.insert("damaged", b"\x01{", memory.clock() + HOUR)
    assert [dict(session) for session in site.middleware.sessions()] == [{"a": 1}]
    assert site.middleware.counters["undecodable"] == 1


def test_a_session_met_by_its_key_cannot_get_a_new_token(site: Any, browser: Any) -> None:
    browser.put(a=1)
    [session] = site.middleware.sessions()
    assert session.token is None
    assert session.key == tokens.hash_token(browser.cookie)
    assert tokens.label(session.key) in repr(session)
    with pytest.raises(HeadersSent, match="was called outside of a request of its browser"):
        session.renew_token()
    session.destroy()
    with pytest.raises(
        HeadersSent, match="outside of a request of its browser, and this session was destroyed"
    ):
        session["b"] = 1


def test_a_session_may_be_opened_without_a_request(site: Any, browser: Any) -> None:
    browser.put(a=1)
    session = site.middleware.open(browser.cookie)
    session["b"] = 2
    session.commit()
    assert browser.get("b") == 2
    assert site.middleware.open("x" * 43).new


def test_devices_tell_label_login_and_last_use(make_site: Any, clock: ManualClock) -> None:
    site = make_site(idle_timeout=HOUR)
    laptop, phone = site.browser(), site.browser()
    log_in(laptop, "ada", "laptop")
    start = clock()
    clock.advance(HOUR / 2)
    log_in(phone, "ada", "phone")
    log_in(site.browser(), "bob", "bob's")
    laptop.get("a")
    first, second = site.middleware.devices("ada")
    assert (first.label, first.since, first.seen) == ("phone", start + HOUR / 2, start + HOUR / 2)
    assert (second.label, second.since, second.seen) == ("laptop", start, start + HOUR / 2)
    assert second.key == tokens.hash_token(laptop.cookie)
    assert second.expires == clock() + HOUR


def test_devices_without_an_idle_timeout_do_not_know_the_last_use(site: Any, browser: Any) -> None:
    log_in(browser, "ada", "laptop")
    [device] = site.middleware.devices("ada")
    assert device.seen is None


def test_nobody_was_seen_before_the_login(make_site: Any, clock: ManualClock) -> None:
    """Where the deadline cuts the idle timeout short, the expiry tells of an earlier use than there was."""
    site = make_site(lifetime=24 * HOUR, idle_timeout=48 * HOUR)
    log_in(site.browser(), "ada")
    [device] = site.middleware.devices("ada")
    assert (device.since, device.seen) == (clock(), clock())


def test_the_last_use_follows_a_sessions_own_idle_timeout(make_site: Any, clock: ManualClock) -> None:
    site = make_site(idle_timeout=HOUR)
    browser = site.browser()

    def limit(idle: timedelta | None) -> None:
        browser.do(lambda session: setattr(session, "idle_timeout", idle))

    log_in(browser, "ada")
    limit(3 * HOUR)
    clock.advance(HOUR)
    browser.get("a")
    [device] = site.middleware.devices("ada")
    assert device.seen == clock()
    limit(None)
    [device] = site.middleware.devices("ada")
    assert device.seen is None


def test_a_session_of_somebody_else_is_no_device(site: Any, browser: Any, memory: MemoryStore) -> None:
    """The index may name a session that another program has overwritten."""
    log_in(browser, "ada")
    [(key, record)] = memory.all()
    bobs = MsgpackCodec().loads(record.data) | {"principal": "bob"}
    memory.commit(key, MsgpackCodec().dumps(bobs), record.expiry)
    assert memory.find_principal("ada") == [key]
    assert site.middleware.devices("ada") == []
    assert not site.middleware.end_device("ada", key)
    assert memory.count() == 1


def test_a_device_that_cannot_be_read_can_be_ended(site: Any, browser: Any, memory: MemoryStore) -> None:
    log_in(browser, "ada")
    [(key, record)] = memory.all()
    memory.commit(key, b"	garbage", record.expiry)
    assert site.middleware.devices("ada") == []
    assert not site.middleware.end_device("bob", key)
    assert site.middleware.end_device("ada", key)
    assert memory.count() == 0


def test_ending_a_device_looks_at_no_other(site: Any, memory: MemoryStore) -> None:
    for _ in range(4):
        log_in(site.browser(), "ada")
    device = site.middleware.devices("ada")[0]
    looks: list[int] = []
    for _ in range(4):
        memory.before_next("find", lambda: looks.append(1))
    assert site.middleware.end_device("ada", device.key)
    assert looks == [1]


def test_the_login_is_when_the_principal_was_set_and_not_later(
    site: Any, browser: Any, clock: ManualClock
) -> None:
    log_in(browser, "ada")
    began = clock()
    clock.advance(HOUR)
    log_in(browser, "ada", "renamed")
    assert [(d.since, d.label) for d in site.middleware.devices("ada")] == [(began, "renamed")]
    browser.do(lambda session: setattr(session, "principal", None))
    assert site.middleware.devices("ada") == []


def test_log_out_everywhere_except_here(site: Any) -> None:
    here, there, other = site.browser(), site.browser(), site.browser()
    log_in(here, "ada")
    log_in(there, "ada")
    log_in(other, "bob")
    here.do(lambda session: (session.renew_token(), session.end_others()))
    assert here.result == (None, 1)
    for browser, name in ((here, "ada"), (there, None), (other, "bob")):
        browser.do(lambda session: session.principal)
        assert browser.result == name


def test_the_others_are_those_of_the_principal_that_is_set_now(site: Any) -> None:
    here, old, new = site.browser(), site.browser(), site.browser()
    log_in(here, "old")
    log_in(old, "old")
    log_in(new, "new")

    def act(session: Session) -> int:
        session.principal = "new"
        return session.end_others()

    here.do(act)
    assert here.result == 1
    assert len(site.middleware.devices("old")) == 1
    assert [device.key for device in site.middleware.devices("new")] == [tokens.hash_token(here.cookie)]


def test_ending_others_without_a_principal_ends_nothing(site: Any, browser: Any, memory: MemoryStore) -> None:
    site.browser().put(a=1)
    browser.do(lambda session: session.end_others())
    assert browser.result == 0
    assert memory.count() == 1


def test_log_out_everywhere_from_outside(site: Any, memory: MemoryStore) -> None:
    for _ in range(3):
        log_in(site.browser(), "ada")
    kept = site.middleware.devices("ada")[0].key
    assert site.middleware.end_all("ada", except_key=kept) == 2
    assert site.middleware.end_all("ada") == 1
    assert memory.count() == 0


def test_one_device_is_ended_only_by_its_owner(site: Any, browser: Any, memory: MemoryStore) -> None:
    log_in(browser, "ada")
    [device] = site.middleware.devices("ada")
    assert not site.middleware.end_device("bob", device.key)
    assert memory.count() == 1
    assert site.middleware.end_device("ada", device.key)
    assert not site.middleware.end_device("ada", device.key)
    assert memory.count() == 0


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("principal", 42, "a principal must be str, not int"),
        ("principal", b"ada", "a principal must be str, not bytes"),
        ("label", None, "a label must be str, not NoneType"),
        ("label", b"phone", "a label must be str, not bytes"),
        ("deadline", 3600, "a deadline must be datetime, not int"),
        ("deadline", timedelta(1), "a deadline must be datetime, not timedelta"),
        ("idle_timeout", 3600, "an idle timeout must be timedelta, not int"),
    ],
)
def test_another_type_is_refused_when_it_is_set(
    browser: Any, memory: MemoryStore, *, option: str, value: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        browser.do(lambda session: setattr(session, option, value))
    assert memory.count() == 0


def test_nobody_is_no_principal(browser: Any, memory: MemoryStore) -> None:
    log_in(browser, "ada")
    browser.do(lambda session: setattr(session, "principal", ""))
    browser.do(lambda session: session.principal)
    assert browser.result is None
    assert memory.find_principal("ada") == []


def test_a_label_has_a_limit(site: Any) -> None:
    session = site.middleware.open(None)
    with pytest.raises(ValueError, match="at most 200 characters, not 201"):
        session.label = "x" * 201


def test_popping_by_type_removes_what_has_another_type(site: Any) -> None:
    session = site.middleware.open(None)
    session.update(n=1, text="x", flag=True)
    assert session.pop_as("n", int) == 1
    assert session.pop_as("text", int, default=0) == 0
    assert session.pop_as("flag", int) is None
    assert dict(session) == {}


def test_an_api_client_carries_its_token_in_a_header(make_site: Any, memory: MemoryStore) -> None:
    client = make_site(transport=TokenHeader()).browser()
    first = client.put(a=1)
    token = first.headers["Session-Token"]
    assert (first.headers["Vary"], first.headers["Cache-Control"]) == (
        "Session-Token",
        'no-cache="Session-Token"',
    )
    assert "Set-Cookie" not in first.headers
    again = client.do(lambda session: session["a"], headers={"Session-Token": token})
    assert client.result == 1
    assert "Session-Token" not in again.headers, "nothing new to tell"
    gone = client.do(lambda session: session.destroy(), headers={"Session-Token": token})
    assert gone.headers["Session-Token"] == ""
    assert memory.count() == 0


@pytest.mark.parametrize("sent", ["", "short", "x" * 44, "é" * 43])
def test_a_malformed_header_is_no_token(sent: str) -> None:
    assert TokenHeader().read({"HTTP_SESSION_TOKEN": sent}) == []


@pytest.mark.parametrize(
    "name",
    [
        *("", "a b", "X:Y", "X_Y", "1st", "X\r\nY", "Ünïcode"),
        *(
            "Content-Type",
            "content-length",
            "Cookie",
            "Set-Cookie",
            "Connection",
            "Transfer-Encoding",
            "HOST",
        ),
    ],
)
def test_names_that_cannot_be_headers_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a header"):
        TokenHeader(name=name)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified", "404 Not Found"])
def test_w1_validators_on_both_sides_find_nothing(memory: MemoryStore, method: str, status: str) -> None:
    """As in all tests with a Site; here for answers with and without a body."""
    bare = status[:3] in ("204", "304")

    def app(environ: Any, start_response: Any) -> Any:
        session = environ["chaisession.session"]
        session["n"] = session.get("n", 0) + 1
        session.renew_token()
        start_response(status, [] if bare else [("Content-Type", "text/plain")])
        return iter([] if bare or method == "HEAD" else [b"a", b"b"])

    middleware = SessionMiddleware(validator(app), memory)
    middleware.clock = memory.clock
    client = TestApp(validator(middleware), lint=True)
    for _ in range(2):
        response = client.request("/", method=method, expect_errors=True)
        assert response.status == status
        assert response.headers["Set-Cookie"].startswith("session=")
    [session] = middleware.sessions()
    assert session["n"] == 2
