"""The store contract, run on every store: memory, ChaiStore on chaisqld, ChaiStore on PostgreSQL.

Only what the docstrings of `wsgi_chaisession.Store` promise is used. Real stores judge expiry by their own
clock, so an expired session is made by storing one whose expiry has passed.
"""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from wsgi_chaisession import Record, Store, tokens
from wsgi_chaisession.testing import ManualClock, MemoryStore

NOW = datetime.now(UTC)
SOON = NOW + timedelta(hours=1)
LATER = NOW + timedelta(hours=2, microseconds=7)
PAST = NOW - timedelta(hours=1)
KEY = tokens.hash_token("one")
OTHER = tokens.hash_token("two")


@pytest.fixture(params=["memory", "chai", "postgres"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore(ManualClock(NOW))
    store: Store = request.getfixturevalue({"chai": "chai_store", "postgres": "pg_store"}[request.param])
    return store


def keys(*names: str) -> list[str]:
    return sorted(tokens.hash_token(name) for name in names)


# -- find ----------------------------------------------------------------------


def test_a21_find_gives_data_and_expiry_exactly(store: Store) -> None:
    data = bytes(range(256)) + b"\\x00'\x00"
    assert store.insert(KEY, data, LATER)
    assert store.find(KEY) == Record(data, LATER)


def test_a21_find_missing(store: Store) -> None:
    assert store.find(KEY) is None


def test_a21_find_expired(store: Store) -> None:
    store.insert(KEY, b"data", PAST)
    assert store.find(KEY) is None


def test_expiries_are_utc_with_microseconds_from_any_zone(store: Store) -> None:
    elsewhere = LATER.astimezone(timezone(timedelta(hours=-7)))
    store.insert(KEY, b"data", elsewhere)
    record = store.find(KEY)
    assert record is not None
    assert (record.expiry, record.expiry.utcoffset()) == (LATER, timedelta(0))
    assert record.expiry.microsecond == LATER.microsecond


def test_data_may_be_empty_and_large(store: Store) -> None:
    large = bytes(range(256)) * 1024
    store.insert(KEY, b"", SOON)
    store.insert(OTHER, large, SOON)
    found = [store.find(key) for key in (KEY, OTHER)]
    assert [record.data for record in found if record] == [b"", large]


# -- insert, replace, commit ---------------------------------------------------


def test_insert_never_overwrites(store: Store) -> None:
    assert store.insert(KEY, b"first", SOON)
    assert not store.insert(KEY, b"second", LATER)
    assert store.find(KEY) == Record(b"first", SOON)


def test_replace_compares_and_swaps(store: Store) -> None:
    store.insert(KEY, b"old", SOON)
    assert store.replace(KEY, b"old", b"new", LATER)
    assert store.find(KEY) == Record(b"new", LATER)
    assert not store.replace(KEY, b"old", b"third", LATER)
    assert store.find(KEY) == Record(b"new", LATER)


def test_replace_may_shorten_the_expiry_and_keep_the_data(store: Store) -> None:
    store.insert(KEY, b"same", LATER)
    assert store.replace(KEY, b"same", b"same", SOON)
    assert store.find(KEY) == Record(b"same", SOON)


def test_replace_brings_nothing_back(store: Store) -> None:
    assert not store.replace(KEY, b"old", b"new", SOON)
    store.insert(KEY, b"old", PAST)
    assert not store.replace(KEY, b"old", b"new", SOON)
    assert store.find(KEY) is None


def test_a21_commit_inserts_and_overwrites(store: Store) -> None:
    store.commit(KEY, b"first", SOON)
    assert store.find(KEY) == Record(b"first", SOON)
    store.commit(KEY, b"second", LATER)
    assert store.find(KEY) == Record(b"second", LATER)
    store.commit(KEY, b"third", PAST)
    assert store.find(KEY) is None
    store.commit(KEY, b"fourth", SOON)
    assert store.find(KEY) == Record(b"fourth", SOON)


# -- touch ---------------------------------------------------------------------


def test_touch_moves_the_expiry_forward_only(store: Store) -> None:
    store.insert(KEY, b"data", SOON)
    assert store.touch(KEY, LATER)
    assert store.find(KEY) == Record(b"data", LATER)
    assert store.touch(KEY, SOON), "alive, and nothing to do"
    assert store.find(KEY) == Record(b"data", LATER)


def test_touch_brings_nothing_back(store: Store) -> None:
    assert not store.touch(KEY, LATER)
    store.insert(KEY, b"data", PAST)
    assert not store.touch(KEY, LATER)
    assert store.find(KEY) is None


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        store.insert(KEY, b"x", datetime(2030, 1, 1))  # noqa: DTZ001 - that is the mistake


# -- delete --------------------------------------------------------------------


def test_a21_delete_is_idempotent(store: Store) -> None:
    store.insert(KEY, b"data", SOON)
    assert store.delete(KEY)
    assert not store.delete(KEY)
    assert store.find(KEY) is None


def test_delete_compares_when_it_is_given_data(store: Store) -> None:
    store.insert(KEY, b"new", SOON, principal="alice")
    assert not store.delete(KEY, data=b"old")
    assert not store.delete(OTHER, data=b"new")
    assert store.find(KEY) == Record(b"new", SOON)
    assert store.find_principal("alice") == [KEY]
    assert store.delete(KEY, data=b"new")
    assert not store.delete(KEY, data=b"new")
    assert store.find(KEY) is None
    assert store.find_principal("alice") == []


def test_delete_with_data_takes_no_expired_session(store: Store) -> None:
    store.insert(KEY, b"data", PAST)
    assert not store.delete(KEY, data=b"data")
    assert store.delete(KEY)


# -- sessions that end with a write ---------------------------------------------------


def test_what_is_ending_goes_with_the_insert(store: Store) -> None:
    """How a session gets a new token."""
    store.insert(KEY, b"old", SOON, principal="alice")
    assert store.insert(OTHER, b"new", LATER, principal="alice", ending={KEY: b"old"})
    assert store.find(KEY) is None
    assert store.find(OTHER) == Record(b"new", LATER)
    assert store.find_principal("alice") == [OTHER]


def test_what_is_ending_goes_with_the_replace(store: Store) -> None:
    """How a session takes others over."""
    for name in ("a", "b"):
        store.insert(tokens.hash_token(name), name.encode(), SOON, principal="alice")
    store.insert(KEY, b"old", SOON)
    ending = {tokens.hash_token(name): name.encode() for name in ("a", "b")}
    assert store.replace(KEY, b"old", b"new", SOON, ending=ending)
    assert [record.data for _, record in store.all()] == [b"new"]
    assert store.find_principal("alice") == []


@pytest.mark.parametrize("principal", [None, "bob"])
@pytest.mark.parametrize("lack", ["missing", "changed", "expired"])
@pytest.mark.parametrize("write", ["insert", "replace"])
def test_unless_all_that_is_ending_holds_nothing_is_written(
    store: Store, write: str, lack: str, principal: str | None
) -> None:
    held, odd = keys("held", "odd")
    store.insert(held, b"held", SOON, principal="alice")
    if lack != "missing":
        store.insert(odd, b"odd", PAST if lack == "expired" else SOON)
    if write == "replace":
        store.insert(KEY, b"old", SOON)
    ending = {held: b"held", odd: b"other" if lack == "changed" else b"odd"}
    before = list(store.all())
    if write == "insert":
        assert not store.insert(KEY, b"new", SOON, principal=principal, ending=ending)
    else:
        assert not store.replace(KEY, b"old", b"new", SOON, principal=principal, ending=ending)
    assert list(store.all()) == before
    assert (store.find_principal("alice"), store.find_principal("bob")) == ([held], [])


@pytest.mark.parametrize("write", ["insert", "replace"])
def test_no_session_ends_with_its_own_write(store: Store, write: str) -> None:
    store.insert(KEY, b"old", SOON)
    if write == "insert":
        assert not store.insert(KEY, b"new", SOON, ending={KEY: b"old"})
    else:
        assert not store.replace(KEY, b"old", b"new", SOON, ending={KEY: b"old"})
    assert store.find(KEY) == Record(b"old", SOON)


@pytest.mark.parametrize("write", ["insert", "replace"])
def test_nothing_ends_when_the_write_itself_is_refused(store: Store, write: str) -> None:
    store.insert(KEY, b"theirs", SOON)
    store.insert(OTHER, b"held", SOON, principal="alice")
    if write == "insert":
        assert not store.insert(KEY, b"new", SOON, ending={OTHER: b"held"})
    else:
        assert not store.replace(KEY, b"mine", b"new", SOON, ending={OTHER: b"held"})
    assert store.find(KEY) == Record(b"theirs", SOON)
    assert store.find(OTHER) == Record(b"held", SOON)
    assert store.find_principal("alice") == [OTHER]


def test_of_many_writes_that_end_one_session_one_is_done(store: Store) -> None:
    for round_ in range(3):
        key = tokens.hash_token(f"round {round_}")
        store.insert(key, b"data", SOON)
        news = [tokens.hash_token(f"{round_}.{i}") for i in range(8)]
        with ThreadPoolExecutor(len(news)) as pool:
            done = list(pool.map(lambda new: store.insert(new, b"new", SOON, ending={key: b"data"}), news))  # noqa: B023
        assert done.count(True) == 1
        assert [new for new in news if store.find(new)] == [news[done.index(True)]]


# -- all, count ----------------------------------------------------------------


def test_a24_all_gives_active_sessions_over_page_borders(store: Store) -> None:
    names = [f"s{i}" for i in range(7)]
    for name in names:
        store.insert(tokens.hash_token(name), name.encode(), SOON)
    store.insert(KEY, b"expired", PAST)
    for page in (1, 3, 7):
        assert [key for key, _ in store.all(page=page)] == keys(*names)
    found = list(store.all())
    assert {record.data for _, record in found} == {name.encode() for name in names}
    assert {record.expiry for _, record in found} == {SOON}


def test_a24_deleting_while_iterating(store: Store) -> None:
    for i in range(7):
        store.insert(tokens.hash_token(f"s{i}"), b"x", SOON)
    for key, _ in store.all(page=2):
        assert store.delete(key)
    assert list(store.all()) == []


def test_count_knows_active_and_expired(store: Store) -> None:
    assert (store.count(), store.count_expired()) == (0, 0)
    store.insert(KEY, b"x", SOON)
    store.insert(OTHER, b"x", PAST)
    assert (store.count(), store.count_expired()) == (1, 1)


# -- principals ----------------------------------------------------------------


def test_a23_a_principals_sessions_are_found(store: Store) -> None:
    for name in ("a", "b"):
        store.insert(tokens.hash_token(name), b"x", SOON, principal="alice")
    store.insert(KEY, b"x", SOON, principal="bob")
    store.insert(OTHER, b"x", SOON)
    assert sorted(store.find_principal("alice")) == keys("a", "b")
    assert store.find_principal("bob") == [KEY]
    assert store.find_principal("nobody") == []


def test_a23_the_index_follows_change_and_removal(store: Store) -> None:
    store.insert(KEY, b"1", SOON, principal="alice")
    store.replace(KEY, b"1", b"2", SOON, principal="bob")
    assert (store.find_principal("alice"), store.find_principal("bob")) == ([], [KEY])
    store.replace(KEY, b"2", b"3", SOON)
    assert store.find_principal("bob") == [KEY], "None leaves it as it is"
    store.replace(KEY, b"3", b"4", SOON, principal="")
    assert store.find_principal("bob") == []


def test_a23_a_refused_write_leaves_the_index_alone(store: Store) -> None:
    store.insert(KEY, b"1", SOON, principal="alice")
    assert not store.insert(KEY, b"2", SOON, principal="bob")
    assert not store.replace(KEY, b"other", b"2", SOON, principal="bob")
    assert not store.replace(OTHER, b"x", b"2", SOON, principal="bob")
    assert not store.touch(OTHER, LATER, principal="bob")
    assert (store.find_principal("alice"), store.find_principal("bob")) == ([KEY], [])


def test_a23_the_index_goes_with_the_session(store: Store) -> None:
    store.insert(KEY, b"1", SOON, principal="alice")
    store.delete(KEY)
    assert store.find_principal("alice") == []


def test_a23_an_expired_session_is_not_found_by_its_principal(store: Store) -> None:
    store.insert(KEY, b"1", PAST, principal="alice")
    assert store.find_principal("alice") == []


def test_a23_the_index_follows_the_expiry(store: Store) -> None:
    store.insert(KEY, b"1", SOON, principal="alice")
    store.touch(KEY, LATER, principal="alice")
    store.insert(OTHER, b"1", SOON, principal="alice")
    store.delete_expired(10, SOON + timedelta(minutes=1))
    assert store.find_principal("alice") == [KEY]
    store.replace(KEY, b"1", b"2", PAST, principal="alice")
    assert store.find_principal("alice") == []


def test_a23_an_entry_ends_with_an_expiry_of_its_own(store: Store) -> None:
    """So whoever moves a session's expiry must name its principal again."""
    store.insert(KEY, b"1", SOON, principal="alice")
    store.insert(OTHER, b"1", SOON, principal="alice")
    store.touch(KEY, LATER)
    store.touch(OTHER, LATER, principal="alice")
    store.delete_expired(10, SOON)
    assert store.find(KEY) is not None
    assert store.find_principal("alice") == [OTHER]


def test_a23_a_touch_that_moves_nothing_leaves_the_entry_alone(store: Store) -> None:
    store.insert(KEY, b"1", LATER, principal="alice")
    store.touch(KEY, SOON, principal="alice")
    store.delete_expired(10, SOON)
    assert store.find_principal("alice") == [KEY]


def test_delete_principal_ends_all_or_all_but_one(store: Store) -> None:
    for i in range(120):
        store.insert(tokens.hash_token(f"s{i}"), b"x", SOON, principal="alice")
    store.insert(KEY, b"x", SOON, principal="bob")
    kept = tokens.hash_token("s7")
    assert store.delete_principal("alice", except_key=kept) == 119
    assert store.find_principal("alice") == [kept]
    assert store.delete_principal("alice") == 1
    assert store.delete_principal("alice") == 0
    assert [key for key, _ in store.all()] == [KEY]


def test_a_principal_may_be_any_text(store: Store) -> None:
    for name in ("x" * 5000, "a:b;c", "Ünïcode\x00", "alice "):
        key = tokens.hash_token(name)
        store.insert(key, b"x", SOON, principal=name)
        assert store.find_principal(name) == [key]
    assert store.find_principal("alice") == []


# -- delete_expired ------------------------------------------------------------


def test_a22_only_expired_sessions_oldest_first_in_bounded_batches(store: Store) -> None:
    for i in range(5):
        store.insert(tokens.hash_token(f"old{i}"), b"x", PAST - timedelta(minutes=i))
    store.insert(KEY, b"x", SOON)
    assert store.delete_expired(2) == 2
    assert store.count_expired() == 3
    assert store.delete(tokens.hash_token("old0")), "the youngest of the expired is still there"
    assert store.delete_expired(10) == 2
    assert store.delete_expired(10) == 0
    assert store.find(KEY) is not None


def test_a22_sessions_of_equal_expiry(store: Store) -> None:
    for i in range(9):
        store.insert(tokens.hash_token(f"old{i}"), b"x", PAST)
    assert [store.delete_expired(4) for _ in range(4)] == [4, 4, 1, 0]


def test_a22_a_session_extended_meanwhile_survives(store: Store) -> None:
    store.insert(KEY, b"x", SOON)
    store.touch(KEY, LATER)
    assert store.delete_expired(10, SOON + timedelta(minutes=1)) == 0
    assert store.find(KEY) is not None


def test_now_is_the_moment_that_counts(store: Store) -> None:
    store.insert(KEY, b"x", SOON)
    assert store.delete_expired(10, SOON - timedelta(microseconds=1)) == 0
    assert store.delete_expired(10, SOON) == 1, "a session is active until its expiry, and not any longer"


def test_a_session_is_over_at_its_expiry_for_every_call() -> None:
    """Only a clock that stands still meets this moment."""
    clock = ManualClock(NOW)
    store = MemoryStore(clock)
    store.insert(KEY, b"x", SOON, principal="alice")
    clock.now = SOON
    assert store.find(KEY) is None
    assert list(store.all()) == []
    assert store.find_principal("alice") == []
    assert not store.touch(KEY, LATER)
    assert not store.replace(KEY, b"x", b"y", LATER)
    assert not store.delete(KEY, data=b"x")
    assert (store.count(), store.count_expired()) == (0, 1)
    assert store.delete_expired(10) == 1


def test_the_schema_may_be_created_again(store: Store) -> None:
    store.insert(KEY, b"x", SOON)
    store.create_schema()
    assert store.find(KEY) is not None


def test_a_closed_store_opens_again(store: Store) -> None:
    store.insert(KEY, b"x", SOON)
    store.close()
    store.close()
    assert store.find(KEY) is not None


def test_a_view_with_another_timeout_is_the_same_store(store: Store) -> None:
    store.insert(KEY, b"x", SOON)
    assert store.with_timeout(5).find(KEY) is not None
