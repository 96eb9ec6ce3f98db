"""Merging: two sessions become one, whatever happens to either of them on the way."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from stepping import STEPS, Stepping
from wsgi_chaisession import Flash, HeadersSent, Session, SessionConflict, StoreError, tokens
from wsgi_chaisession.testing import ManualClock, MemoryStore

HOUR = timedelta(hours=1)


@pytest.fixture
def memory(clock: ManualClock) -> Stepping:
    return Stepping(clock)


@pytest.fixture
def people(make_site: Callable[..., Any]) -> tuple[Any, Any]:
    """Two browsers, each with a session: the one that merges, and the one that is merged into it."""
    site = make_site()
    mine, other = site.browser(), site.browser()
    mine.put(mine=1, both="mine")
    other.put(theirs=1, both="theirs")
    return mine, other


def merge(people: tuple[Any, Any], then: Callable[[Session], object] = lambda session: None) -> Any:
    mine, other = people
    token = other.cookie

    def act(session: Session) -> None:
        session.merge(token)
        then(session)

    return mine.do(act)


MERGED = {"mine": 1, "theirs": 1, "both": "theirs"}


def test_both_become_one(people: Any, memory: Stepping) -> None:
    merge(people)
    assert memory.sessions == [MERGED]
    people[1].do(dict)
    assert people[1].result == {}


# -- which session is another one ----------------------------------------------------


def test_a_session_does_not_absorb_itself_while_it_is_renewed(browser: Any, memory: Stepping) -> None:
    """Its own old token comes back from a login round trip."""
    browser.put(a=1)
    old = browser.cookie
    browser.do(lambda session: (session.renew_token(), session.merge(old)))
    assert browser.get("a") == 1
    assert memory.count() == 1


@pytest.mark.parametrize("commit", [False, True])
def test_nor_under_its_new_token(browser: Any, memory: Stepping, commit: bool) -> None:
    browser.put(a=1)

    def act(session: Session) -> None:
        session.renew_token()
        if commit:
            session.commit()
        assert session.token is not None
        session.merge(session.token)

    browser.do(act)
    assert browser.get("a") == 1
    assert memory.count() == 1


def test_merging_the_same_session_twice_is_merging_it_once(people: Any, memory: Stepping) -> None:
    token = people[1].cookie
    merge(people, lambda session: session.merge(token))
    assert memory.sessions == [MERGED]


def test_several_sessions(people: Any, memory: Stepping) -> None:
    third = people[0].site.browser()
    third.put(third=1, both="third")
    merge(people, lambda session: session.merge(third.cookie))
    assert memory.sessions == [MERGED | {"third": 1, "both": "third"}]


def test_merging_while_renewing(people: Any, memory: Stepping) -> None:
    merge(people, lambda session: session.renew_token())
    assert memory.sessions == [MERGED]
    people[0].do(dict)
    assert people[0].result == MERGED


def test_merging_into_a_new_session(people: Any, memory: Stepping) -> None:
    people[0].do(lambda session: session.destroy())
    merge(people)
    assert memory.sessions == [{"theirs": 1, "both": "theirs"}]
    assert people[0].get("theirs") == 1


def test_an_emptied_session_ends_although_nothing_comes_of_it(people: Any, memory: Stepping) -> None:
    mine, other = people
    mine.do(lambda session: session.destroy())
    other.do(lambda session: session.clear())
    assert memory.count() == 1
    response = merge(people)
    assert memory.count() == 0
    assert "Set-Cookie" not in response.headers


def test_an_emptied_session_that_gets_a_value_meanwhile_is_taken_over(people: Any, memory: Stepping) -> None:
    mine, other = people
    mine.do(lambda session: session.destroy())
    other.do(lambda session: session.clear())
    merge(people, lambda session: other.put(late=1))
    assert memory.sessions == [{"late": 1}]
    assert mine.get("late") == 1


@pytest.mark.parametrize("token", [None, 7, b"x" * 43])
def test_a_token_is_text(browser: Any, token: Any) -> None:
    with pytest.raises(TypeError, match="a token must be str, not"):
        browser.do(lambda session: session.merge(token))


@pytest.mark.parametrize("token", ["", "short", "x" * 44, "é" * 43])
def test_a_malformed_token_costs_no_query(browser: Any, memory: Stepping, token: str) -> None:
    memory.before_next("find", lambda: pytest.fail("the store was asked"))
    browser.do(lambda session: session.merge(token))


# -- what is taken over besides values -------------------------------------------------


def test_what_mine_lacks_is_taken(people: Any, clock: ManualClock) -> None:
    def rich(session: Session) -> None:
        session.principal = "ada"
        session.label = "laptop"
        session.idle_timeout = HOUR
        session.deadline = clock() + 48 * HOUR
        session.remember_me()
        session.flash("welcome")

    mine, other = people
    other.do(rich)
    since = clock()
    clock.advance(HOUR / 2)
    merge(people)
    mine.do(lambda session: (session.principal, session.label, session.idle_timeout, session.deadline))
    assert mine.result == ("ada", "laptop", HOUR, since + 48 * HOUR)
    [device] = mine.site.middleware.devices("ada")
    assert device.since == since
    draft = mine.site.middleware._keeper.open([mine.cookie])
    assert draft.payload.remember
    mine.do(lambda session: session.flashes())
    assert mine.result == [Flash("welcome", "info")]


def test_what_mine_has_it_keeps(people: Any, clock: ManualClock) -> None:
    def rich(name: str, hours: int) -> Callable[[Session], None]:
        def act(session: Session) -> None:
            session.principal = session.label = name
            session.idle_timeout = HOUR * hours
            session.deadline = clock() + 10 * HOUR * hours

        return act

    mine, other = people
    mine.do(rich("mine", 3))
    begun = clock()
    clock.advance(HOUR / 2)
    other.do(rich("theirs", 2))
    merge(people)
    mine.do(lambda session: (session.principal, session.label, session.idle_timeout, session.deadline))
    assert mine.result == ("mine", "mine", 3 * HOUR, begun + 30 * HOUR)
    assert [device.since for device in mine.site.middleware.devices("mine")] == [begun]
    assert mine.site.middleware.devices("theirs") == []


def test_having_no_idle_timeout_is_having_one_of_its_own(people: Any) -> None:
    mine, other = people

    def limit(idle: timedelta | None) -> Callable[[Session], None]:
        return lambda session: setattr(session, "idle_timeout", idle)

    mine.do(limit(None))
    other.do(limit(HOUR))
    merge(people)
    mine.do(lambda session: session.idle_timeout)
    assert mine.result is None


# -- what others do until the commit ----------------------------------------------------


def test_if_the_other_logs_out_meanwhile_nothing_of_it_comes_back(people: Any, memory: Stepping) -> None:
    def change(session: Session) -> None:
        session["own"] = session["both"]
        people[1].do(lambda other: other.destroy())

    def log_in(session: Session) -> None:
        session.principal = "ada"
        session.flash("secret")

    people[1].do(log_in)
    merge(people, change)
    assert memory.sessions == [{"mine": 1, "both": "mine", "own": "theirs"}], "but what was done with it"
    assert memory.find_principal("ada") == []
    people[0].do(lambda session: (session.principal, session.flashes()))
    assert people[0].result == (None, [])
    assert people[0].site.middleware.counters["gone"] == 1


def test_if_the_other_changes_meanwhile_it_is_taken_over_as_it_is(people: Any, memory: Stepping) -> None:
    def change(session: Session) -> None:
        session["own"] = 1
        people[1].do(lambda other: (other.update(late=1, both="late"), other.pop("theirs")))

    merge(people, change)
    assert memory.sessions == [{"mine": 1, "both": "late", "late": 1, "own": 1}]


def test_an_empty_one_that_changes_meanwhile_is_no_write_that_was_done(people: Any, memory: Stepping) -> None:
    """Taking it over changes no byte of mine, so mine looks as if it had been written."""
    people[1].do(lambda session: session.clear())
    merge(people, lambda session: people[1].put(late=1))
    assert memory.sessions == [{"mine": 1, "both": "mine", "late": 1}]


def test_with_on_conflict_error_that_is_one(make_site: Any, memory: Stepping) -> None:
    site = make_site(on_conflict="error", error_handler=answer_with(409))
    mine, other = site.browser(), site.browser()
    mine.put(mine=1)
    other.put(theirs=1)
    token = other.cookie
    mine.do(lambda session: (session.merge(token), other.put(late=1)), status=409)
    assert sorted(map(sorted, memory.sessions)) == [["late", "theirs"], ["mine"]], "nothing was done"


def answer_with(status: int) -> Any:
    def handler(environ: Any, start_response: Any, error: Any) -> list[bytes]:
        assert isinstance(error, SessionConflict)
        start_response(f"{status} Conflict", [("Content-Type", "text/plain")])
        return [b"conflict"]

    return handler


def test_if_mine_has_ended_meanwhile_the_other_goes_on(people: Any, memory: Stepping) -> None:
    mine, other = people
    tab = mine.site.browser()
    tab.cookie = mine.cookie
    merge(people, lambda session: tab.do(lambda same: same.destroy()))
    assert memory.sessions == [{"theirs": 1, "both": "theirs"}]
    assert other.get("theirs") == 1


def test_if_mine_has_changed_meanwhile_all_three_come_together(people: Any, memory: Stepping) -> None:
    tab = people[0].site.browser()
    tab.cookie = people[0].cookie
    merge(people, lambda session: (tab.put(tab=1), people[1].put(late=1)))
    assert memory.sessions == [MERGED | {"tab": 1, "late": 1}]


def test_a_logout_after_a_merge_ends_both(people: Any, memory: Stepping) -> None:
    merge(people, lambda session: session.destroy())
    assert memory.count() == 0


def test_a_merge_that_fails_leaves_both(people: Any, memory: Stepping) -> None:
    memory.fail_next("replace")
    token = people[1].cookie
    people[0].do(lambda session: session.merge(token), status=503)
    assert sorted(map(len, memory.sessions)) == [2, 2]


def test_a_merge_that_landed_without_an_answer_is_not_done_twice(people: Any, memory: Stepping) -> None:
    third = people[0].site.browser()
    third.put(third=1)

    def lose_the_answer(session: Session) -> None:
        memory.fail_next("replace", landed=True, error=StoreError("refused"))
        with pytest.raises(StoreError):
            session.commit()
        session["own"] = 1
        session.merge(third.cookie)

    merge(people, lose_the_answer)
    assert memory.sessions == [MERGED | {"own": 1, "third": 1}]
    assert people[0].site.middleware.counters["gone"] == 0


def test_merging_late_into_an_existing_session(
    make_site: Any, memory: MemoryStore, clock: ManualClock
) -> None:
    middleware = make_site().middleware
    one, other = middleware.open(None), middleware.open(None)
    one["mine"] = other["theirs"] = 1
    one.commit()
    other.commit()
    [met] = [session for session in middleware.sessions() if "mine" in session]
    met.merge(other.token)
    met.commit()
    assert dict(middleware.open(one.token)) == {"mine": 1, "theirs": 1}
    met.destroy()
    third = middleware.open(None)
    third["third"] = 1
    third.commit()
    with pytest.raises(HeadersSent, match="this session was destroyed"):
        met.merge(third.token)
    assert middleware.open(third.token)["third"] == 1


# -- at every step ---------------------------------------------------------------------


def meanwhile(people: Any, step: int, then: Any, act: Callable[[], object]) -> bool:
    """Merge with *act* at a step of it; False when it has fewer steps."""
    memory: Stepping = people[0].site.store
    memory.arm(step, act)
    merge(people, then)
    assert memory.at_step is None or step > 5
    return memory.at_step is None


THEN = pytest.mark.parametrize(
    "then", [lambda session: None, Session.renew_token], ids=["merge", "and renew"]
)


@THEN
@pytest.mark.parametrize("step", STEPS)
def test_at_any_step_the_others_logout_is_final(memory: Stepping, people: Any, step: int, then: Any) -> None:
    other = people[1]
    if not meanwhile(people, step, then, lambda: other.do(lambda session: session.destroy())):
        return
    assert memory.find(tokens.hash_token(other.cookie or "")) is None
    done = {"after replace", "after insert"} & set(memory.steps_before)
    assert memory.sessions == [MERGED if done else {"mine": 1, "both": "mine"}]


@THEN
@pytest.mark.parametrize("step", STEPS)
def test_at_any_step_what_the_other_puts_is_somewhere_and_once(
    memory: Stepping, people: Any, step: int, then: Any
) -> None:
    if not meanwhile(people, step, then, lambda: people[1].put(late=1)):
        return
    done = {"after replace", "after insert"} & set(memory.steps_before)
    expected = [MERGED, {"late": 1}] if done else [MERGED | {"late": 1}]
    assert sorted(memory.sessions, key=len, reverse=True) == expected


@THEN
@pytest.mark.parametrize("step", STEPS)
def test_at_any_step_the_end_of_mine_leaves_the_other_or_nothing(
    memory: Stepping, people: Any, step: int, then: Any
) -> None:
    tab = people[0].site.browser()
    tab.cookie = people[0].cookie
    key = tokens.hash_token(tab.cookie)
    if not meanwhile(people, step, then, lambda: tab.do(lambda session: session.destroy())):
        return
    assert memory.find(key) is None
    if "after replace" in memory.steps_before:
        assert memory.sessions == []
    elif "after insert" in memory.steps_before:
        assert memory.sessions == [MERGED], "the token had changed before the logout came"
    else:
        expected = {"theirs": 1, "both": "theirs"}
        assert memory.sessions == [expected], "as it was, or in a new session of the one that merged"
