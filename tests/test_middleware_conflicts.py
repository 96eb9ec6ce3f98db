"""Two requests on one session at once, and a store that fails.

The interleavings are exact: what the other request does happens inside the first one.
"""

import logging
from datetime import timedelta
from typing import Any

import pytest

from wsgi_chaisession import Flash, MsgpackCodec, SessionConflict, StoreError, StoreUnavailable, tokens
from wsgi_chaisession.commit import ATTEMPTS
from wsgi_chaisession.testing import ManualClock, MemoryStore


def twin(browser: Any) -> Any:
    """Another tab of the same browser."""
    other = browser.site.browser()
    other.cookie = browser.cookie
    return other


def during(browser: Any, first: Any, meanwhile: Any, then: Any) -> Any:
    """A request that runs *first*, lets another tab run *meanwhile* to its end, and goes on with *then*."""
    other = twin(browser)

    def act(session: Any) -> Any:
        first(session)
        other.do(meanwhile)
        return then(session)

    return browser.do(act)


def touch(session: Any) -> None:
    session.get("a")


def test_a11_changes_of_different_keys_both_survive(site: Any, browser: Any) -> None:
    browser.put(a=1, gone=1, kept=1)

    def mine(session: Any) -> None:
        session["mine"] = 1
        del session["gone"]

    during(browser, touch, lambda session: session.update(theirs=1), mine)
    browser.do(dict)
    assert browser.result == {"a": 1, "kept": 1, "mine": 1, "theirs": 1}
    assert site.middleware.counters["conflict"] == 1


def test_a11_of_the_same_key_the_later_commit_wins(browser: Any) -> None:
    browser.put(a=1)
    during(browser, touch, lambda s: s.update(a="theirs"), lambda s: s.update(a="mine"))
    assert browser.get("a") == "mine"


def test_a11_what_the_other_deleted_stays_deleted(browser: Any) -> None:
    browser.put(a=1, b=2)
    during(browser, touch, lambda s: s.pop("b"), lambda s: s.update(c=3))
    browser.do(dict)
    assert browser.result == {"a": 1, "c": 3}


def test_a11_nested_changes_of_different_keys(browser: Any) -> None:
    browser.put(x=[1], y=[1])
    during(browser, touch, lambda s: s["x"].append(2), lambda s: s["y"].append(3))
    browser.do(dict)
    assert browser.result == {"x": [1, 2], "y": [1, 3]}


def test_a11_what_was_taken_from_the_session_stays_part_of_it(browser: Any) -> None:
    browser.put(cart=[1])
    tab = twin(browser)

    def act(session: Any) -> None:
        cart = session["cart"]
        session["step"] = 1
        tab.put(other=1)
        session.commit()
        cart.append(2)

    browser.do(act)
    browser.do(dict)
    assert browser.result == {"cart": [1, 2], "step": 1, "other": 1}


def test_a11_flash_messages_of_both_arrive_once(browser: Any) -> None:
    browser.do(lambda s: s.flash("old"))
    during(browser, touch, lambda s: s.flash("theirs"), lambda s: (s.flashes(), s.flash("mine")))
    browser.do(lambda s: s.flashes())
    assert browser.result == [Flash("theirs", "info"), Flash("mine", "info")]


def test_a11_a_message_shown_in_both_is_not_shown_again(browser: Any) -> None:
    browser.do(lambda s: s.flash("once"))
    during(browser, touch, lambda s: s.flashes(), lambda s: s.flashes())
    browser.do(lambda s: s.flashes())
    assert browser.result == []


def test_a11_a_read_never_overwrites(browser: Any) -> None:
    browser.put(a=1)
    during(browser, touch, lambda s: s.update(a=2), touch)
    assert browser.get("a") == 2


def test_a11_overwrite(make_site: Any) -> None:
    site = make_site(on_conflict="overwrite")
    browser = site.browser()
    browser.put(a=1)
    during(browser, touch, lambda s: s.update(theirs=1), lambda s: s.update(mine=1))
    browser.do(dict)
    assert browser.result == {"a": 1, "mine": 1}


def test_a11_error(make_site: Any) -> None:
    seen = []

    def handler(environ: Any, start_response: Any, error: Any) -> list[bytes]:
        seen.append(error)
        start_response("409 Conflict", [("Content-Type", "text/plain")])
        return [b"conflict"]

    site = make_site(on_conflict="error", error_handler=handler)
    browser = site.browser()
    browser.put(a=1)
    other = twin(browser)
    key = tokens.hash_token(browser.cookie)

    def act(session: Any) -> None:
        session["a"] = 2
        other.put(a=3)

    browser.do(act, status=409)
    assert isinstance(seen[0], SessionConflict)
    assert key[:8] in str(seen[0])
    assert browser.get("a") == 3


def test_a_race_that_never_ends_is_given_up(make_site: Any, memory: MemoryStore) -> None:
    site = make_site()
    browser = site.browser()
    browser.put(a=0)
    other = twin(browser)
    compare_and_swap = memory.replace
    racing: list[int] = []

    def always_second(*args: Any, **options: Any) -> bool:
        if len(racing) % 2 == 0:  # our own writes; the other tab's run inside them
            racing.append(1)
            other.do(lambda s: s.update(theirs=len(racing)))
            racing.append(1)
        return compare_and_swap(*args, **options)

    memory.replace = always_second  # type: ignore[method-assign]
    browser.do(lambda s: s.update(a=1), status=503)
    memory.replace = compare_and_swap  # type: ignore[method-assign]
    assert len(racing) // 2 == ATTEMPTS
    assert browser.get("a") == 0


def test_a10_a_session_destroyed_meanwhile_is_not_brought_back(
    site: Any, browser: Any, memory: MemoryStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    browser.put(user="alice")
    response = during(browser, touch, lambda s: s.destroy(), lambda s: s.update(late=1))
    assert memory.count() == 0
    assert "Set-Cookie" not in response.headers, "it may have a newer one by now"
    assert site.middleware.counters["gone"] == 1
    assert "has gone while it was used; changes dropped" in caplog.text


def test_a10_nor_by_a_touch(make_site: Any, memory: MemoryStore, clock: ManualClock) -> None:
    site = make_site(idle_timeout=timedelta(hours=1))
    browser = site.browser()
    browser.put(a=1)
    clock.advance(timedelta(minutes=30))
    during(browser, touch, lambda s: s.destroy(), touch)
    assert memory.count() == 0


def test_a10_nor_by_a_renewal(browser: Any, memory: MemoryStore) -> None:
    browser.put(user="alice")
    during(browser, touch, lambda s: s.destroy(), lambda s: s.renew_token())
    assert memory.count() == 0


def test_a10_a_login_survives_that_its_anonymous_session_went(browser: Any, memory: MemoryStore) -> None:
    browser.put(cart=[1])
    during(browser, touch, lambda s: s.destroy(), lambda s: (s.renew_token(), s.update(user="alice")))
    browser.do(dict)
    assert browser.result == {"user": "alice"}, "its own changes, and nothing of the dead session"


def test_a10_the_old_row_may_go_while_the_new_one_is_written(browser: Any, memory: MemoryStore) -> None:
    browser.put(cart=[1])
    old_key = tokens.hash_token(browser.cookie)
    insert = memory.insert

    def insert_late(*args: Any, **options: Any) -> bool:
        memory.delete(old_key)
        return insert(*args, **options)

    memory.insert = insert_late  # type: ignore[method-assign]
    browser.do(lambda s: (s.renew_token(), s.update(user="alice")))
    browser.do(dict)
    assert browser.result == {"user": "alice"}
    assert memory.count() == 1


@pytest.mark.parametrize(
    "late",
    [touch, lambda s: s.update(late=1), lambda s: s["many"].append(1)],
    ids=["touch", "put", "append"],
)
def test_a6_a_request_that_was_running_leaves_the_renewed_session_alone(
    make_site: Any, memory: MemoryStore, clock: ManualClock, late: Any
) -> None:
    """The slower of two responses of one browser must not take away the cookie that the login got."""
    browser = make_site(idle_timeout=timedelta(hours=1)).browser()
    browser.put(many=[])
    clock.advance(timedelta(minutes=30))
    response = during(browser, touch, lambda s: (s.renew_token(), s.update(user="alice")), late)
    assert "Set-Cookie" not in response.headers
    [(_, record)] = memory.all()
    assert MsgpackCodec().loads(record.data)["values"] == {"many": [], "user": "alice"}


def test_a6_a_request_with_the_old_token_meets_an_empty_session(browser: Any, memory: MemoryStore) -> None:
    """There is no grace: whoever knew the token before the login must gain nothing by it."""
    browser.put(cart=[1])
    tab = twin(browser)
    browser.do(lambda s: (s.renew_token(), s.update(user="alice")))
    response = tab.do(lambda s: (dict(s), s.new, s.token))
    assert tab.result == ({}, True, None)
    assert "Set-Cookie" not in response.headers
    tab.put(cart=[2])
    assert memory.count() == 2
    browser.do(dict)
    assert browser.result == {"cart": [1], "user": "alice"}


def test_renewal_takes_a_parallel_change_along(browser: Any, memory: MemoryStore) -> None:
    browser.put(a=1)
    during(browser, touch, lambda s: s.update(theirs=1), lambda s: (s.renew_token(), s.update(mine=1)))
    browser.do(dict)
    assert browser.result == {"a": 1, "theirs": 1, "mine": 1}
    assert memory.count() == 1


def test_a_session_ended_for_its_user_stays_ended(browser: Any, memory: MemoryStore) -> None:
    browser.do(lambda s: setattr(s, "principal", "alice"))
    browser.do(lambda s: (s.get("a"), memory.delete_principal("alice"), s.update(a=1)))
    assert memory.count() == 0
    assert memory.find_principal("alice") == []


class Failing(MemoryStore):
    """Fails in the methods that are named in ``broken``."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.broken: set[str] = set()

    def __getattribute__(self, name: str) -> Any:
        if (
            name in object.__getattribute__(self, "broken")
            if name != "broken" and not name.startswith("_")
            else False
        ):
            return self._fail
        return super().__getattribute__(name)

    def _fail(self, *args: Any, **options: Any) -> Any:
        raise StoreUnavailable("the store did not answer within 2.0 s: gone fishing")


@pytest.fixture
def memory(clock: ManualClock) -> Failing:
    return Failing(clock)


@pytest.mark.parametrize("broken", ["find", "replace", "delete"])
def test_a19_a_failing_store_gives_one_clean_503(
    browser: Any, memory: Failing, caplog: pytest.LogCaptureFixture, broken: str
) -> None:
    browser.put(a=1)
    memory.broken = {broken}
    action = (lambda s: s.destroy()) if broken == "delete" else (lambda s: s.update(a=2))
    response = browser.do(action, status=503)
    assert response.headers["Retry-After"] == "5"
    assert "Set-Cookie" not in response.headers
    assert "gone fishing" in caplog.text
    assert browser.cookie not in caplog.text
    memory.broken = set()
    assert browser.get("a") == 1, "it works again once the store does"


def test_a19_a_failing_insert(browser: Any, memory: Failing) -> None:
    memory.broken = {"insert"}
    browser.do(lambda s: s.update(a=1), status=503)
    assert browser.cookie is None


def test_a19_a_frameworks_own_500_becomes_the_error_handlers_answer(
    site: Any, browser: Any, memory: Failing
) -> None:
    browser.put(a=1)
    memory.broken = {"find"}

    def framework(session: Any) -> None:
        try:
            session.get("a")
        except StoreError:
            site.status = "500 Internal Server Error"

    browser.do(framework, status=503)


def test_a19_an_application_may_do_without_its_session(browser: Any, memory: Failing) -> None:
    browser.put(a=1)
    memory.broken = {"find"}

    def degraded(session: Any) -> None:
        with pytest.raises(StoreUnavailable):
            session.get("a")

    response = browser.do(degraded)
    assert "Set-Cookie" not in response.headers


def test_a_failed_renewal_leaves_the_old_session_alive(browser: Any, memory: Failing) -> None:
    browser.put(a=1)
    memory.broken = {"insert"}
    browser.do(lambda s: s.renew_token(), status=503)
    memory.broken = set()
    assert browser.get("a") == 1


def test_an_untouched_session_needs_no_store(browser: Any, memory: Failing) -> None:
    browser.put(a=1)
    memory.broken = {"find", "insert", "replace", "touch", "delete"}
    assert browser.do(lambda s: None).status_int == 200


def test_head_gets_no_body_from_the_error_handler(site: Any, browser: Any, memory: Failing) -> None:
    browser.put(a=1)
    memory.broken = {"find"}
    site.action = lambda session: session.get("a")
    assert browser.http.head("/", status=503).body == b""
