"""The middleware through HTTP: cookies, life and death of a session, headers.

Names carry the ids of the acceptance list (A1, A2, ...).
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from wsgi_chaisession import Cookie, Flash, MsgpackCodec, SessionTooLarge, tokens
from wsgi_chaisession.testing import ManualClock, MemoryStore

HOUR = timedelta(hours=1)


def set_cookies(response: Any) -> list[str]:
    return [text for text in response.headers.getall("Set-Cookie") if text.startswith("session=")]


def test_a1_a_client_gets_its_own_session_back(site: Any) -> None:
    alice, bob = site.browser(), site.browser()
    alice.put(message="Hello from a session!")
    assert alice.get("message") == "Hello from a session!"
    assert bob.get("message") is None


def test_a2_reading_an_empty_session_stores_nothing(browser: Any, memory: MemoryStore) -> None:
    response = browser.do(lambda session: (session.get("a"), list(session), session.pop("b", None)))
    assert set_cookies(response) == []
    assert memory.count() == 0


def test_a3_a_cookie_only_when_it_changes(site: Any, browser: Any) -> None:
    assert len(set_cookies(browser.put(a=1))) == 1
    assert set_cookies(browser.do(lambda session: session["a"])) == []
    assert set_cookies(browser.put(a=2)) == [], "token and expiry are as before"
    site.headers = [("Set-Cookie", "theirs=1")]
    response = browser.do(lambda session: session.renew_token())
    assert response.headers.getall("Set-Cookie")[0] == "theirs=1"
    assert len(set_cookies(response)) == 1


def test_a3_the_expiry_in_the_cookie_is_the_stores(
    make_site: Any, memory: MemoryStore, clock: ManualClock
) -> None:
    browser = make_site(idle_timeout=HOUR).browser()
    first = browser.put(a=1)
    assert "Max-Age=3600" in set_cookies(first)[0]
    clock.advance(HOUR / 2)
    [text] = set_cookies(browser.put(a=2))
    assert f"Expires={memory.find(_key(browser)).expiry:%a, %d %b %Y %H:%M:%S GMT}" in text  # type: ignore[union-attr]


def _key(browser: Any) -> str:
    return tokens.hash_token(browser.cookie)


def test_a6_renew_gives_a_new_token_and_kills_the_old(
    site: Any, browser: Any, clock: ManualClock, memory: Any
) -> None:
    browser.put(a=1)
    old = browser.cookie
    clock.advance(HOUR)
    browser.do(lambda session: (session.renew_token(), session.token))
    assert browser.cookie == browser.result[1] != old
    assert browser.get("a") == 1
    assert [record.expiry for _, record in memory.all()] == [clock() + 24 * HOUR], "deadline anew, one row"
    thief = site.browser()
    thief.cookie = old
    assert thief.get("a") is None


def test_a6_renewing_twice_and_renewing_the_unsaved(browser: Any, memory: MemoryStore) -> None:
    browser.do(lambda session: (session.renew_token(), session.update(a=1), session.renew_token()))
    assert browser.get("a") == 1
    browser.do(lambda session: (session.renew_token(), session.renew_token()))
    assert browser.get("a") == 1
    assert memory.count() == 1


def test_a7_destroy_deletes_row_and_cookie(make_site: Any, memory: MemoryStore) -> None:
    browser = make_site(cookie=Cookie(path="/app", samesite="Strict")).browser()
    browser.do(lambda session: session.update(a=1), "/app/x")
    old = browser.cookie
    response = browser.do(lambda session: session.destroy(), "/app/x")
    [text] = set_cookies(response)
    assert set(text.split("; ")) == {
        "session=",
        "Max-Age=0",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "HttpOnly",
        "Path=/app",
        "SameSite=Strict",
    }
    assert memory.count() == 0
    assert old is not None


def test_a7_renewing_an_empty_session_ends_it(browser: Any, memory: MemoryStore) -> None:
    browser.put(a=1)
    [text] = set_cookies(browser.do(lambda session: (session.clear(), session.renew_token())))
    assert "Max-Age=0" in text
    assert memory.count() == 0


def test_a7_a_put_after_destroy_starts_a_new_session(browser: Any, memory: MemoryStore) -> None:
    browser.put(a=1)
    old = browser.cookie
    [text] = set_cookies(browser.do(lambda session: (session.destroy(), session.update(b=2))))
    assert "Max-Age=86400" in text
    assert browser.cookie != old
    assert (browser.get("a"), browser.get("b"), memory.count()) == (None, 2, 1)


def test_a7_destroy_also_ends_a_session_just_renewed(browser: Any, memory: MemoryStore) -> None:
    browser.put(a=1)
    browser.do(lambda session: (session.renew_token(), session.commit(), session.destroy()))
    assert memory.count() == 0
    assert browser.cookie is None


def test_a8_destroying_without_a_cookie_touches_nothing(clock: ManualClock, make_site: Any) -> None:
    site = make_site()

    def forbidden(*args: Any) -> Any:
        raise AssertionError("the store was called")

    site.middleware._keeper._store.find = site.middleware._keeper._store.delete = forbidden
    response = site.browser().do(lambda session: session.destroy())
    assert set_cookies(response) == []
    assert "Vary" in response.headers


@pytest.mark.parametrize(
    "cookie", ["unknown-unknown-unknown-unknown-unknown-unk", "short", "x" * 5000, "a" * 42 + "!"]
)
def test_a9_a_clients_token_is_never_adopted(browser: Any, memory: MemoryStore, cookie: str) -> None:
    browser.cookie = cookie
    browser.do(lambda session: (session.new, session.token, session.get("a")))
    assert browser.result == (True, None, None)
    assert memory.count() == 0
    browser.put(a=1)
    assert browser.cookie != cookie
    assert memory.find(tokens.hash_token(cookie)) is None


@pytest.mark.parametrize("cookie", ["", "short", "x" * 5000, "a" * 42 + "!", "é" * 43])
def test_a9_a_malformed_cookie_costs_no_query(make_site: Any, memory: MemoryStore, cookie: str) -> None:
    site = make_site()
    site.middleware._keeper._store.find = lambda key: pytest.fail("the store was asked")
    browser = site.browser(HTTP_COOKIE=f"session={cookie}")
    assert browser.get("a") is None


def test_a9_an_expired_session_is_a_new_one(browser: Any, clock: ManualClock) -> None:
    browser.put(a=1)
    old = browser.cookie
    clock.advance(25 * HOUR)
    browser.put(b=1)
    assert browser.cookie != old
    assert browser.get("a") is None


@pytest.mark.parametrize(
    ("persist", "remember", "lasting"),
    [
        (True, None, True),
        (True, False, True),
        (False, None, False),
        (False, False, False),
        (False, True, True),
    ],
)
def test_a14_persist_and_remember_me(
    make_site: Any, persist: bool, remember: bool | None, lasting: bool
) -> None:
    browser = make_site(cookie=Cookie(persist=persist)).browser()

    def act(session: Any) -> None:
        session["a"] = 1
        if remember is not None:
            session.remember_me(remember)

    [text] = set_cookies(browser.do(act))
    assert ("Max-Age=86400" in text, "Expires=" in text) == (lasting, lasting)


def test_a14_a_change_of_mind_is_told_to_the_browser(make_site: Any) -> None:
    browser = make_site(cookie=Cookie(persist=False)).browser()
    browser.put(a=1)
    [text] = set_cookies(browser.do(lambda session: session.remember_me(True)))
    assert "Max-Age" in text
    [text] = set_cookies(browser.do(lambda session: session.remember_me(False)))
    assert "Max-Age" not in text


def test_a15_a_withheld_cookie_makes_no_row(make_site: Any, memory: MemoryStore) -> None:
    site = make_site(cookie=Cookie(name="session", secure=True))
    plain, tls = site.browser(), site.browser(**{"wsgi.url_scheme": "https"})
    assert set_cookies(plain.put(a=1)) == []
    assert memory.count() == 0
    [text] = set_cookies(tls.put(a=1))
    assert "; Secure" in text


HTTPS = {"wsgi.url_scheme": "https"}


def test_a15_nor_does_a_commit_by_hand(make_site: Any, memory: MemoryStore) -> None:
    browser = make_site(cookie=Cookie(secure=True)).browser()
    browser.do(lambda session: (session.update(a=1), session.commit(), session["a"], session.new))
    assert browser.result[2:] == (1, True), "for the rest of the request it is there"
    assert memory.count() == 0


def test_a15_a_renewal_whose_cookie_would_be_withheld_changes_nothing(
    make_site: Any, memory: MemoryStore
) -> None:
    """Nor is a login stored under the token that it was to replace."""
    site = make_site(cookie=Cookie(secure=True))
    tls, plain = site.browser(**HTTPS), site.browser()
    tls.put(a=1)
    before = list(memory.all())
    response = plain.do(
        lambda session: (session.renew_token(), session.update(user="ada"), session.commit()),
        headers={"Cookie": f"session={tls.cookie}"},
    )
    assert set_cookies(response) == []
    assert list(memory.all()) == before
    tls.do(dict)
    assert tls.result == {"a": 1}


def test_a15_other_changes_need_no_cookie(make_site: Any) -> None:
    site = make_site(cookie=Cookie(secure=True))
    tls, plain = site.browser(**HTTPS), site.browser()
    tls.put(a=1)
    plain.do(lambda session: session.update(a=2), headers={"Cookie": f"session={tls.cookie}"})
    assert tls.get("a") == 2


def test_a15_a_new_expiry_is_not_told_by_a_cookie_that_cannot_be_set(
    make_site: Any, clock: ManualClock
) -> None:
    site = make_site(cookie=Cookie(secure=True), idle_timeout=HOUR)
    tls, plain = site.browser(**HTTPS), site.browser()
    tls.put(a=1)
    clock.advance(HOUR / 2)
    response = plain.do(lambda session: session["a"], headers={"Cookie": f"session={tls.cookie}"})
    assert set_cookies(response) == []


def test_a15_nor_is_a_cookie_taken_away_that_could_not_be_set(make_site: Any, memory: MemoryStore) -> None:
    site = make_site(cookie=Cookie(secure=True))
    tls, plain = site.browser(**HTTPS), site.browser()
    tls.put(a=1)
    response = plain.do(lambda session: session.destroy(), headers={"Cookie": f"session={tls.cookie}"})
    assert set_cookies(response) == []
    assert memory.count() == 0


def test_a16_vary_only_when_the_session_was_used(site: Any, browser: Any) -> None:
    assert "Vary" not in browser.do(lambda session: None).headers
    assert browser.do(lambda session: session.get("a")).headers["Vary"] == "Cookie"
    site.headers = [("Vary", "Accept-Encoding")]
    assert browser.do(lambda session: session.get("a")).headers["Vary"] == "Accept-Encoding, Cookie"
    site.headers = [("Vary", "Accept-Encoding"), ("Vary", "Cookie")]
    assert browser.do(lambda session: session.get("a")).headers.getall("Vary") == [
        "Accept-Encoding",
        "Cookie",
    ]
    for there in ("cookie, Accept", "*"):
        site.headers = [("Vary", there)]
        assert browser.do(lambda session: session.get("a")).headers.getall("Vary") == [there]


@pytest.mark.parametrize(
    ("theirs", "merged"),
    [
        (None, 'no-cache="Set-Cookie"'),
        ("public, max-age=60", 'public, max-age=60, no-cache="Set-Cookie"'),
        ("no-store", "no-store"),
        ("private, no-cache", "private, no-cache"),
        ('no-cache="X-Foo"', 'no-cache="X-Foo", no-cache="Set-Cookie"'),
    ],
)
def test_cache_control_is_merged_when_a_cookie_is_sent(
    site: Any, browser: Any, theirs: str | None, merged: str
) -> None:
    site.headers = [("Cache-Control", theirs)] if theirs else []
    assert browser.put(a=1).headers.getall("Cache-Control") == [merged]
    assert browser.do(lambda session: session["a"]).headers.getall("Cache-Control") == (
        [theirs] if theirs else []
    )


def test_every_line_of_cache_control_counts(site: Any, browser: Any) -> None:
    site.headers = [("Cache-Control", "max-age=60"), ("Cache-Control", "no-store")]
    assert browser.put(a=1).headers.getall("Cache-Control") == ["max-age=60", "no-store"]


def test_a17_the_store_never_sees_a_token(browser: Any, memory: MemoryStore) -> None:
    browser.put(a=1)
    [(key, record)] = memory.all()
    assert key == tokens.hash_token(browser.cookie)
    assert browser.cookie.encode() not in record.data


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x04]q\x00.", b"\x01{}", b'\x01{"values":1,"deadline":2}', b"\x02{}"]
)
def test_a18_an_unreadable_session_is_a_new_one_and_counted(
    browser: Any, memory: MemoryStore, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    browser.put(a=1)
    record = memory.find(_key(browser))
    assert record is not None
    memory.commit(_key(browser), data, record.expiry)
    assert browser.get("a") is None
    assert browser.site.middleware.counters["undecodable"] == 1
    assert _key(browser)[:8] in caplog.text
    assert browser.cookie not in caplog.text
    browser.put(b=2)
    assert browser.get("b") == 2


def test_a20_an_error_response_of_the_application_still_commits(site: Any, browser: Any) -> None:
    site.status = "500 Internal Server Error"
    browser.do(lambda session: session.update(a=1), status=500)
    site.status = "200 OK"
    assert browser.get("a") == 1


def test_a25_text_of_every_kind_and_size(browser: Any) -> None:
    values = {"schlüssel": "wert €", "\ud800": "\x00", "": "", "large": "x" * 60_000}
    browser.do(lambda session: session.update(values))
    browser.do(dict)
    assert browser.result == values


def test_a_session_too_large_is_the_applications_error(make_site: Any, memory: MemoryStore) -> None:
    browser = make_site(codec=MsgpackCodec(max_bytes=1000)).browser()
    with pytest.raises(SessionTooLarge, match="the limit is 1000"):
        browser.put(a="x" * 1000)
    assert memory.count() == 0


def test_flash_over_a_redirect(browser: Any) -> None:
    browser.do(lambda session: session.flash("saved"))
    browser.do(lambda session: session.flashes())
    assert browser.result == [Flash("saved", "info")]
    browser.do(lambda session: session.flashes())
    assert browser.result == []


def test_skip_gives_no_session(make_site: Any, memory: MemoryStore) -> None:
    site = make_site(skip=lambda environ: environ["PATH_INFO"].startswith("/static/"))
    with pytest.raises(KeyError, match=r"chaisession\.session"):
        site.browser().do(lambda session: None, "/static/logo.png")
    site.browser().do(lambda session: session.update(a=1), "/page")
    assert memory.count() == 1


def test_a_request_that_never_touches_the_session_costs_no_query(make_site: Any) -> None:
    site = make_site()
    browser = site.browser()
    browser.put(a=1)
    site.middleware._keeper._store.find = lambda key: pytest.fail("the store was asked")
    response = browser.do(lambda session: None)
    assert "Set-Cookie" not in response.headers
    assert "Vary" not in response.headers


class HeaderTransport:
    """Tokens in headers, for clients without a cookie jar."""

    vary = "X-Session"
    persist = True

    def read(self, environ: dict[str, Any]) -> list[str]:
        token = environ.get("HTTP_X_SESSION", "")
        return [token] if tokens.is_well_formed(token) else []

    def usable(self, environ: dict[str, Any]) -> bool:
        return True

    def issue(self, environ: dict[str, Any], token: str, expires: Any, now: Any) -> tuple[str, str]:
        return "X-Session", token

    def withdraw(self, environ: dict[str, Any]) -> tuple[str, str]:
        return "X-Session", "none"


def test_another_transport(make_site: Any) -> None:
    site = make_site(transport=HeaderTransport())
    response = site.browser().put(a=1)
    assert response.headers["Vary"] == "X-Session"
    known = site.browser(HTTP_X_SESSION=response.headers["X-Session"])
    assert known.get("a") == 1
    assert known.do(lambda session: session.destroy()).headers["X-Session"] == "none"


def test_w9_the_cookies_path_does_not_follow_the_mount_point(make_site: Callable[..., Any]) -> None:
    mounted = make_site().browser(SCRIPT_NAME="/shop")
    [text] = set_cookies(mounted.put(a=1))
    assert "Path=/;" in text + ";"
    own = make_site(cookie=Cookie(path="/shop")).browser(SCRIPT_NAME="/shop")
    [text] = set_cookies(own.put(a=1))
    assert "Path=/shop;" in text + ";"
