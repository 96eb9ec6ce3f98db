"""A session as an application uses it: a mapping, and what it offers beyond one."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import pytest

from wsgi_chaisession import EncodeError, Flash, MsgpackCodec, Session, Status, tokens
from wsgi_chaisession.keeper import Keeper
from wsgi_chaisession.rows import Policy
from wsgi_chaisession.testing import ManualClock, MemoryStore
from wsgi_chaisession.visit import Visit

HOUR = timedelta(hours=1)
Open = Callable[..., Session]


@pytest.fixture
def keeper(memory: MemoryStore, clock: ManualClock) -> Keeper:
    keeper = Keeper(memory, MsgpackCodec(), Policy(lifetime=24 * HOUR))
    keeper.clock = clock
    return keeper


class Client:
    """Whoever sends the one token that it is given, and gets any other."""

    def read(self, token: str | None) -> list[str]:
        return [token] if token else []

    def usable(self, token: str | None) -> bool:
        return True


@pytest.fixture
def open_session(keeper: Keeper) -> Open:
    """The session of a token, in a request of its own."""
    return lambda token=None: Session(Visit(keeper, Client(), token))


@pytest.fixture
def session(open_session: Open) -> Session:
    return open_session()


def saved(session: Session, **values: Any) -> str:
    session.update(values)
    session.commit()
    assert session.token is not None
    return session.token


def test_it_is_a_mutable_mapping(session: Session) -> None:
    session["a"], session["b"] = 1, [2]
    assert dict(session) == {"a": 1, "b": [2]}
    assert "a" in session
    assert list(session.keys()) == ["a", "b"]
    assert session.pop("a") == 1
    assert session.setdefault("c", 3) == 3
    del session["b"]
    assert session == {"c": 3}
    session.clear()
    assert len(session) == 0
    assert not session


def test_it_can_be_updated_in_place(open_session: Open) -> None:
    session = open_session(saved(open_session(), a=1))
    same = session
    session |= {"b": 2}
    assert same is session
    assert session == {"a": 1, "b": 2}
    assert session.status == Status.MODIFIED
    with pytest.raises(TypeError, match="session keys are str"):
        session |= {1: 2}  # type: ignore[dict-item]


def test_absence_is_a_key_error(session: Session) -> None:
    for lack in (lambda: session["no"], lambda: session.pop("no"), lambda: session.__delitem__("no")):
        with pytest.raises(KeyError):
            lack()
    assert session.pop("no", None) is None


@pytest.mark.parametrize("key", [1, b"a", None, ("a",)])
def test_keys_are_text(session: Session, key: Any) -> None:
    with pytest.raises(TypeError, match="session keys are str, not"):
        session[key] = 1


def test_a13_taking_what_is_not_there_changes_nothing(open_session: Open) -> None:
    session = open_session(saved(open_session(), a=1))
    session.pop("no", None)
    assert session.flashes() == []
    session.get("no")
    session.merge("x" * 43)
    assert session.status == Status.CLEAN


def test_status_follows_its_life(open_session: Open) -> None:
    session = open_session(saved(open_session(), a=1))
    life = [session.status]
    for step in (
        lambda: session["a"],
        lambda: session.update(a=2),
        lambda: session.update(a=1),
        session.destroy,
        lambda: session.update(b=1),
    ):
        step()
        life.append(session.status)
    # Setting the same value again is no change.
    assert life == ["unloaded", "clean", "modified", "clean", "destroyed", "modified"]


@pytest.mark.parametrize(
    ("before", "after"), [(1, True), (1, 1.0), (0.0, -0.0), ([1], (1,)), ("a", b"a"), ({1}, frozenset({1}))]
)
def test_values_that_python_calls_equal_are_changes(open_session: Open, before: Any, after: Any) -> None:
    session = open_session(saved(open_session(), a=before))
    session["a"] = after
    assert session.status == Status.MODIFIED


def test_a12_a_change_inside_a_value_is_seen(open_session: Open) -> None:
    session = open_session(saved(open_session(), cart={"items": [1]}))
    session["cart"]["items"].append(2)
    assert session.status == Status.MODIFIED


def test_reading_mutable_values_is_no_change(open_session: Open) -> None:
    session = open_session(saved(open_session(), cart={"items": [1]}, tags={"a", "b"}))
    assert list(session.values())
    assert session.status == Status.CLEAN


def test_a_value_that_cannot_be_stored_is_a_change_until_then(open_session: Open) -> None:
    session = open_session(saved(open_session(), a=1))
    life = [session["a"] and session.status]
    session["a"] = object()
    life.append(session.status)
    with pytest.raises(EncodeError, match=r"session\['a'\] cannot be stored"):
        session.commit()
    session["a"] = 1
    life.append(session.status)
    assert life == ["clean", "modified", "clean"]


def test_new_and_token(open_session: Open) -> None:
    session = open_session()
    assert (session.new, session.token) == (True, None)
    token = saved(session, a=1)
    assert (session.new, session.token) == (False, token)
    assert tokens.is_well_formed(token)
    assert not open_session(token).new


def test_get_as_gives_the_default_for_another_type(session: Session) -> None:
    session.update(n=1, yes=True, text="x", nothing=None)
    assert session.get_as("n", int) == 1
    assert session.get_as("text", int, 7) == 7
    assert session.get_as("no", int) is None
    assert session.get_as("yes", int, 0) == 0, "True is no number"
    assert session.get_as("yes", bool, False) is True
    assert session.get_as("nothing", str, "") == ""
    assert session.get_as("n", float, 0.5) == 1, "as in type hints an int is a float"
    assert session.get_as("yes", float, 0.5) == 0.5
    assert session.get_as("yes", object) is True


def test_flashes_are_given_out_once_in_order(open_session: Open) -> None:
    first = open_session()
    first.flash("saved")
    first.flash("beware", category="warning")
    first.commit()
    assert list(first) == [], "messages are no keys"
    second = open_session(first.token)
    assert second.flashes() == [Flash("saved", "info"), Flash("beware", "warning")]
    second.commit()
    assert open_session(first.token).flashes() == []


@pytest.mark.parametrize("category", [None, 5, b"info"])
def test_a_category_is_text(session: Session, category: Any) -> None:
    with pytest.raises(TypeError, match="a flash's category must be str, not"):
        session.flash("message", category=category)


def test_of_too_many_messages_the_oldest_go(open_session: Open) -> None:
    first = open_session()
    for number in range(60):
        first.flash(str(number))
    first.commit()
    assert [flash.message for flash in open_session(first.token).flashes()] == [
        str(number) for number in range(10, 60)
    ]


def test_messages_that_were_kept_without_numbers_are_shown(open_session: Open, memory: MemoryStore) -> None:
    first = open_session()
    first.flash("x")
    first.commit()
    [(key, record)] = memory.all()
    payload = MsgpackCodec().loads(record.data) | {"flashes": [["a", "info"], ["b", "error"]]}
    memory.commit(key, MsgpackCodec().dumps(payload), record.expiry)
    assert open_session(first.token).flashes() == [Flash("a", "info"), Flash("b", "error")]


def test_clear_leaves_what_is_no_value(open_session: Open, clock: ManualClock) -> None:
    session = open_session(saved(open_session(), a=1))
    session.flash("bye")
    session.principal = "alice"
    session.deadline = clock() + HOUR
    session.clear()
    session.commit()
    again = open_session(session.token)
    assert (again.principal, again.deadline, len(again)) == ("alice", clock() + HOUR, 0)
    assert again.flashes() == [Flash("bye", "info")]


def test_the_deadline_can_be_set_within_reason(session: Session, clock: ManualClock) -> None:
    assert session.deadline == clock() + 24 * HOUR
    session.deadline = clock() + HOUR
    assert session.deadline == clock() + HOUR
    with pytest.raises(ValueError, match="has no time zone"):
        session.deadline = datetime(2031, 1, 1)  # noqa: DTZ001 - that is the mistake
    with pytest.raises(ValueError, match="has passed"):
        session.deadline = clock()
    session.deadline = clock() + timedelta(days=36525)
    for far in (clock() + timedelta(days=36525, microseconds=1), datetime.max.replace(tzinfo=UTC)):
        with pytest.raises(ValueError, match="is more than 36525 days away"):
            session.deadline = far


def test_a_zone_that_knows_no_offset_is_none(session: Session) -> None:
    class Nowhere(tzinfo):
        def utcoffset(self, moment: datetime | None) -> None:
            return None

        tzname = dst = utcoffset

    with pytest.raises(ValueError, match="has no time zone"):
        session.deadline = datetime(2031, 1, 1, tzinfo=Nowhere())


def test_the_idle_timeout_is_the_sessions_own(
    open_session: Open, memory: MemoryStore, clock: ManualClock
) -> None:
    session = open_session()
    session.idle_timeout = HOUR
    token = saved(session, a=1)
    [(_, record)] = memory.all()
    assert record.expiry == clock() + HOUR
    again = open_session(token)
    assert again.idle_timeout == HOUR
    again.idle_timeout = None
    again.commit()
    [(_, record)] = memory.all()
    assert record.expiry == clock() + 24 * HOUR
    again.idle_timeout = timedelta(days=36525)
    for odd in (timedelta(0), -HOUR, timedelta(days=36525, microseconds=1), timedelta.max):
        with pytest.raises(ValueError, match="idle_timeout must be positive and at most 36525 days"):
            again.idle_timeout = odd


def test_a_stored_deadline_in_another_zone_is_utc(session: Session, clock: ManualClock) -> None:
    from datetime import timezone

    session.deadline = (clock() + HOUR).astimezone(timezone(timedelta(hours=5)))
    assert session.deadline.tzinfo is UTC


def test_commit_makes_changes_visible_at_once(open_session: Open) -> None:
    session = open_session()
    token = saved(session, a=1)
    assert open_session(token)["a"] == 1
    session["a"] = 2
    session.commit()
    assert open_session(token)["a"] == 2
    assert session.token == token


def test_an_empty_new_session_is_never_stored(
    open_session: Open, memory: MemoryStore, clock: ManualClock
) -> None:
    session = open_session()
    session.deadline = clock() + HOUR
    session.remember_me()
    session.renew_token()
    session.commit()
    assert memory.count() == 0
    assert session.token is None


def test_a_session_that_was_renewed_empty_has_no_token(open_session: Open, memory: MemoryStore) -> None:
    session = open_session(saved(open_session(), a=1))
    session.clear()
    session.renew_token()
    session.commit()
    assert (session.token, session.new, memory.count()) == (None, True, 0)


def test_merge_takes_values_over_and_ends_the_other(open_session: Open, clock: ManualClock) -> None:
    other = open_session()
    other.flash("welcome")
    other.deadline = clock() + 48 * HOUR
    other_token = saved(other, both="theirs", theirs=1)
    session = open_session(saved(open_session(), both="mine", mine=1))
    session.merge(other_token)
    assert open_session(other_token)["theirs"] == 1, "the other one ends with our commit, not before"
    session.commit()
    again = open_session(session.token)
    assert dict(again) == {"both": "theirs", "mine": 1, "theirs": 1}
    assert again.deadline == clock() + 48 * HOUR
    assert again.flashes() == [Flash("welcome", "info")]
    assert open_session(other_token).new


@pytest.mark.parametrize("token", ["", "short", "x" * 43])
def test_merging_an_unknown_session_does_nothing(open_session: Open, token: str) -> None:
    session = open_session(saved(open_session(), a=1))
    session.merge(token)
    assert session.status != Status.MODIFIED


def test_merging_a_session_with_itself_does_nothing(open_session: Open) -> None:
    token = saved(open_session(), a=1)
    session = open_session(token)
    session.merge(token)
    session.commit()
    assert open_session(token)["a"] == 1


def test_the_principal_is_indexed_and_follows_changes(open_session: Open, memory: MemoryStore) -> None:
    session = open_session()
    session.principal = "alice"
    session.commit()
    token = session.token
    assert token is not None
    assert memory.find_principal("alice") == [tokens.hash_token(token)]
    session.principal = "bob"
    session.commit()
    assert (memory.find_principal("alice"), len(memory.find_principal("bob"))) == ([], 1)
    again = open_session(token)
    assert again.principal == "bob"
    again.principal = None
    again["a"] = 1
    again.commit()
    assert memory.find_principal("bob") == []


def test_repr_and_errors_show_neither_token_nor_values(open_session: Open) -> None:
    session = open_session(saved(open_session(), secret="hunter2"))
    assert repr(session) == "<Session unsaved unloaded>"
    assert session["secret"] == "hunter2"
    assert session.token is not None
    assert repr(session) == f"<Session {tokens.hash_token(session.token)[:8]} loaded>"


def test_a_request_holds_the_failure_of_its_load(keeper: Keeper) -> None:
    from wsgi_chaisession import StoreUnavailable

    calls = []

    class Down(MemoryStore):
        def find(self, key: str) -> Any:
            calls.append(key)
            raise StoreUnavailable("down")

    keeper._store = Down()
    session = Session(Visit(keeper, Client(), "t" * 43))
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            session.get("a")
    assert len(calls) == 1, "one deadline per request, not one per access"
