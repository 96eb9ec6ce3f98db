"""Two real requests on one session, the second one at every step of the first; and death at every step."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from stepping import STEPS, Stepping
from wsgi_chaisession import Session, tokens
from wsgi_chaisession.testing import ManualClock

HOUR = timedelta(hours=1)


def log_in(session: Session) -> None:
    session["secret"] = 1
    session.principal = "ada"


class KilledError(BaseException):
    """The process is gone: nobody catches this."""


@pytest.fixture
def memory(clock: ManualClock) -> Stepping:
    return Stepping(clock)


@pytest.fixture
def tabs(make_site: Callable[..., Any], clock: ManualClock) -> tuple[Any, Any]:
    """Two tabs of one browser, both logged in; the session is due for a touch."""
    site = make_site(idle_timeout=HOUR)
    first, second = site.browser(), site.browser()
    first.do(log_in)
    second.cookie = first.cookie
    clock.advance(HOUR / 2)
    return first, second


def renew(session: Session) -> None:
    session.renew_token()


def renew_and_put(session: Session) -> None:
    session.renew_token()
    session["mine"] = 1


def put(session: Session) -> None:
    session["mine"] = 1


def put_theirs(session: Session) -> None:
    session["theirs"] = 1


def touch(session: Session) -> None:
    session.get("secret")


def destroy(session: Session) -> None:
    session.destroy()


FIRST = [put, touch, renew, renew_and_put, destroy]


def interleave(tabs: tuple[Any, Any], step: int, first: Any, second: Any) -> bool:
    """Run *first* with *second* at its step; False when the request has fewer steps."""
    one, other = tabs
    memory: Stepping = one.site.store
    memory.arm(step, lambda: other.do(second))
    one.do(first)
    ran = memory.at_step is None
    assert ran or step > 1, "every request calls the store at least once"
    return ran


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", FIRST)
def test_a10_what_another_request_destroyed_never_comes_back(
    memory: Stepping, tabs: Any, first: Any, step: int
) -> None:
    key = tokens.hash_token(tabs[0].cookie)
    if not interleave(tabs, step, first, destroy):
        return
    assert memory.find(key) is None
    moved = "after insert" in memory.steps_before
    alive = [values for values in memory.sessions if "secret" in values]
    assert len(alive) == (1 if moved else 0), "a renewal that was complete has a token of its own"
    assert len(memory.find_principal("ada")) == len(alive)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", FIRST)
def test_a10_nor_what_a_logout_everywhere_ended(memory: Stepping, tabs: Any, first: Any, step: int) -> None:
    """Unlike a destroy it knows the principal, so it also ends a renewed session that it sees."""
    if not interleave(tabs, step, first, lambda session: memory.delete_principal("ada")):
        return
    assert memory.find_principal("ada") == []
    assert [values for values in memory.sessions if "secret" in values] == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", [put, touch])
def test_a11_two_changes_at_any_step_both_survive(memory: Stepping, tabs: Any, first: Any, step: int) -> None:
    if not interleave(tabs, step, first, put_theirs):
        return
    [values] = memory.sessions
    assert values == {"secret": 1, "theirs": 1} | ({"mine": 1} if first is put else {})


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", [renew, renew_and_put])
@pytest.mark.parametrize("second", [renew, put_theirs, touch])
def test_a6_a_renewal_and_another_request_at_any_step_keep_one_session(
    tabs: Any, first: Any, second: Any, step: int
) -> None:
    memory: Stepping = tabs[0].site.store
    old = tokens.hash_token(tabs[0].cookie)
    interleave(tabs, step, first, second)
    assert memory.find(old) is None
    assert len([values for values in memory.sessions if "secret" in values]) == 1


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", [renew, renew_and_put])
def test_a6_a_renewal_loses_nothing_of_what_others_put_before_it_was_done(
    memory: Stepping, tabs: Any, first: Any, step: int
) -> None:
    if not interleave(tabs, step, first, put_theirs):
        return
    done = "after insert" in memory.steps_before
    [values] = [values for values in memory.sessions if "secret" in values]
    assert values == {"secret": 1} | ({"mine": 1} if first is renew_and_put else {}) | (
        {} if done else {"theirs": 1}
    )
    # What arrives with the old token afterwards met an empty session, which is its own.
    assert [values for values in memory.sessions if "secret" not in values] == [{"theirs": 1}] * done


@pytest.mark.parametrize("step", STEPS[1:])  # at the first one it is not loaded yet
def test_a7_ending_an_emptied_session_spares_what_others_put_meanwhile(
    memory: Stepping, tabs: Any, step: int
) -> None:
    def empty(session: Session) -> None:
        session.clear()
        session.flashes()
        session.principal = None
        session.renew_token()

    if not interleave(tabs, step, empty, put_theirs):
        return
    assert memory.sessions == [{"theirs": 1}], "in the renewed session, or in one of its own"


def test_a11_what_another_request_has_done_already_is_not_written_again(memory: Stepping, tabs: Any) -> None:
    one, other = tabs
    memory.arm(1, lambda: other.do(lambda session: session.update(mine=1, theirs=1)))
    one.do(put)
    assert memory.trace.count("before replace") == 2, "the other's, and one that was refused"
    assert memory.sessions == [{"secret": 1, "theirs": 1, "mine": 1}]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("first", FIRST)
def test_a6_death_at_any_step_loses_nothing_before_the_end(
    memory: Stepping, tabs: Any, first: Any, step: int
) -> None:
    """The client still has its old cookie, which works unless the session was destroyed or moved."""

    def die() -> None:
        raise KilledError

    memory.arm(step, die)
    try:
        tabs[0].do(first)
    except KilledError:
        finished = {"after delete", "after insert"} & set(memory.trace)
        tabs[1].do(dict)
        assert tabs[1].result.get("secret") == (None if finished else 1)
        if finished and first is not destroy:
            assert [values["secret"] for values in memory.sessions] == [1], "only its client lost it"


@pytest.mark.parametrize("landed", [False, True], ids=["refused", "answer lost"])
@pytest.mark.parametrize("method", ["find", "insert", "replace", "touch", "delete"])
@pytest.mark.parametrize("action", FIRST)
def test_a19_a_failure_of_any_call_is_one_answer_and_no_half_session(
    tabs: Any, action: Any, method: str, landed: bool
) -> None:
    memory: Stepping = tabs[0].site.store
    memory.fail_next(method, landed=landed)
    response = tabs[0].do(action, status="*")
    fired = not memory._script["after" if landed else "before", method]
    assert response.status_int == (503 if fired else 200)
    assert not fired or "Set-Cookie" not in response.headers
    memory._script.clear()
    for values in memory.sessions:
        assert values["secret"] == 1
