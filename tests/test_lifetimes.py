"""How long sessions live, and when being used is written down."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from wsgi_chaisession import Cookie, Session, tokens
from wsgi_chaisession.testing import ManualClock, MemoryStore

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def set_cookies(response: Any) -> list[str]:
    return [text for text in response.headers.getall("Set-Cookie") if text.startswith("session=")]


def _key(browser: Any) -> str:
    return tokens.hash_token(browser.cookie)


class Counting(MemoryStore):
    """Counts the calls that write."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.writes: list[str] = []

    def touch(self, *args: Any, **options: Any) -> bool:
        self.writes.append("touch")
        return super().touch(*args, **options)

    def replace(self, *args: Any, **options: Any) -> bool:
        self.writes.append("replace")
        return super().replace(*args, **options)


@pytest.fixture
def memory(clock: ManualClock) -> Counting:
    return Counting(clock)


def test_a4_lifetime_is_absolute(make_site: Any, clock: ManualClock) -> None:
    browser = make_site(lifetime=2 * HOUR).browser()
    browser.put(a=1)
    for _ in range(3):
        clock.advance(HOUR / 2)
        assert browser.get("a") == 1
    clock.advance(HOUR / 2)
    assert browser.get("a") is None


def test_a4_idle_timeout_slides_and_the_deadline_caps_it(make_site: Any, clock: ManualClock) -> None:
    browser = make_site(lifetime=3 * HOUR, idle_timeout=HOUR).browser()
    browser.put(a=1)
    for _ in range(3):
        clock.advance(0.9 * HOUR)
        assert browser.get("a") == 1
    clock.advance(0.3 * HOUR)
    assert browser.get("a") is None, "the deadline has come"
    browser.put(a=2)
    clock.advance(HOUR)
    assert browser.get("a") is None, "idle for too long"


def test_a5_touch_is_throttled_and_writes_the_expiry_alone(
    make_site: Any, clock: ManualClock, memory: Counting
) -> None:
    browser = make_site(idle_timeout=HOUR, touch_interval=timedelta(minutes=10)).browser()
    browser.put(a=1)
    before = memory.find(_key(browser))
    clock.advance(timedelta(minutes=9))
    assert set_cookies(browser.do(lambda session: session["a"])) == []
    assert memory.writes == []
    clock.advance(timedelta(minutes=1))
    assert len(set_cookies(browser.do(lambda session: session["a"]))) == 1
    browser.do(lambda session: session["a"])
    assert memory.writes == ["touch"]
    after = memory.find(_key(browser))
    assert before is not None
    assert after is not None
    assert (after.data, after.expiry - before.expiry) == (before.data, timedelta(minutes=10))


def test_a_browser_session_cookie_is_not_sent_again_by_a_touch(make_site: Any, clock: ManualClock) -> None:
    browser = make_site(idle_timeout=HOUR, cookie=Cookie(persist=False)).browser()
    browser.put(a=1)
    clock.advance(HOUR / 2)
    assert set_cookies(browser.do(lambda session: session["a"])) == []


# -- which touch interval applies ----------------------------------------------------


def limited(idle: timedelta | None) -> Callable[[Session], None]:
    def act(session: Session) -> None:
        session["a"] = 1
        session.idle_timeout = idle

    return act


def used_every(browser: Any, clock: ManualClock, pause: timedelta, times: int) -> int:
    """How often the session is still there, of *times* requests that are a *pause* apart."""
    alive = 0
    for _ in range(times):
        clock.advance(pause)
        alive += browser.get("a") == 1
    return alive


def test_by_default_it_is_a_tenth_of_the_idle_timeout(
    make_site: Any, clock: ManualClock, memory: Counting
) -> None:
    browser = make_site(idle_timeout=HOUR).browser()
    browser.put(a=1)
    clock.advance(5.9 * MINUTE)
    browser.get("a")
    assert memory.writes == []
    clock.advance(0.1 * MINUTE)
    browser.get("a")
    assert memory.writes == ["touch"]


@pytest.mark.parametrize("site_idle", [None, 24 * HOUR], ids=["alone", "shorter than the site's"])
@pytest.mark.parametrize("touch_interval", [None, HOUR], ids=["default", "an hour"])
def test_it_is_a_tenth_of_a_sessions_own_idle_timeout(
    make_site: Any, clock: ManualClock, memory: Counting, *, site_idle: Any, touch_interval: Any
) -> None:
    browser = make_site(idle_timeout=site_idle, touch_interval=touch_interval).browser()
    browser.do(limited(20 * MINUTE))
    assert used_every(browser, clock, MINUTE, 60) == 60
    assert memory.writes == ["touch"] * 30
    clock.advance(20 * MINUTE)
    assert browser.get("a") is None


def test_one_that_was_given_is_used_for_longer_idle_timeouts_too(
    make_site: Any, clock: ManualClock, memory: Counting
) -> None:
    browser = make_site(idle_timeout=HOUR, touch_interval=10 * MINUTE).browser()
    browser.do(limited(5 * HOUR))
    used_every(browser, clock, 9 * MINUTE, 1)
    assert memory.writes == []
    used_every(browser, clock, MINUTE, 1)
    assert memory.writes == ["touch"]


def test_every_request_touches_if_one_asks_for_it(
    make_site: Any, clock: ManualClock, memory: Counting
) -> None:
    browser = make_site(idle_timeout=HOUR, touch_interval=timedelta(0)).browser()
    browser.put(a=1)
    used_every(browser, clock, timedelta(seconds=1), 3)
    browser.get("a")
    assert memory.writes == ["touch"] * 3


def test_a_session_may_end_early_by_the_interval_and_never_late(make_site: Any, clock: ManualClock) -> None:
    for wait, alive in ((50 * MINUTE, 1), (50.1 * MINUTE, None)):
        browser = make_site(idle_timeout=HOUR, touch_interval=10 * MINUTE).browser()
        browser.put(a=1)
        clock.advance(9.9 * MINUTE)
        assert browser.get("a") == 1, "no touch yet"
        clock.advance(wait)
        assert browser.get("a") == alive


@pytest.mark.parametrize("interval", [7 * MINUTE, None, 13 * MINUTE])
def test_a_session_in_use_lives_until_its_deadline(
    make_site: Any, clock: ManualClock, memory: Counting, interval: Any
) -> None:
    """The last touch gains less than the interval."""
    browser = make_site(lifetime=2 * HOUR, idle_timeout=30 * MINUTE, touch_interval=interval).browser()
    browser.put(a=1)
    assert used_every(browser, clock, MINUTE, 119) == 119
    before = len(memory.writes)
    assert used_every(browser, clock, 0.1 * MINUTE, 9) == 9
    assert len(memory.writes) == before, "and is made once"
    clock.advance(0.1 * MINUTE)
    assert browser.get("a") is None


def test_a_touch_takes_the_entry_of_the_principal_along(
    make_site: Any, clock: ManualClock, memory: Counting
) -> None:
    site = make_site(idle_timeout=HOUR)
    browser = site.browser()

    def log_in(session: Session) -> None:
        session["a"] = 1
        session.principal = "ada"

    browser.do(log_in)
    assert used_every(browser, clock, HOUR / 2, 4) == 4
    assert len(site.middleware.devices("ada")) == 1
    assert site.middleware.end_all("ada") == 1


def test_no_idle_timeout_any_more_means_until_the_deadline(make_site: Any, clock: ManualClock) -> None:
    """The site's options have changed since the session was stored."""
    browser = make_site(idle_timeout=HOUR).browser()
    browser.put(a=1)
    site = make_site()
    after = site.browser()
    after.cookie = browser.cookie
    assert after.get("a") == 1
    clock.advance(5 * HOUR)
    assert after.get("a") == 1


def test_a_session_past_its_deadline_is_none_although_its_row_is_there(
    make_site: Any, clock: ManualClock, memory: MemoryStore
) -> None:
    """A row may outlive its session where the clocks of application and database differ."""
    browser = make_site(lifetime=HOUR).browser()
    browser.put(a=1)
    [(key, record)] = memory.all()
    memory.commit(key, record.data, record.expiry + HOUR)
    clock.advance(HOUR)
    assert browser.get("a") is None
