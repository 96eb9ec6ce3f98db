"""What applications test with: a store in memory, scripted faults, a clock that moves when told to."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stepping import Stepping
from wsgi_chaisession import SessionMiddleware, StoreUnavailable
from wsgi_chaisession.testing import ManualClock, MemoryStore

HOUR = timedelta(hours=1)


@pytest.fixture
def memory(clock: ManualClock) -> Stepping:
    return Stepping(clock)


def test_a_store_of_ones_own_works_with_a_middleware_as_it_is(make_real_site: Callable[..., Any]) -> None:
    """Both go by real time unless both are told otherwise."""
    store = MemoryStore()
    browser = make_real_site(store).browser()
    browser.put(a=1)
    assert browser.get("a") == 1
    assert (store.count(), store.count_expired()) == (1, 0)
    assert abs(store.clock() - datetime.now(UTC)) < HOUR


def test_every_method_of_the_contract_can_be_scripted(memory: Stepping) -> None:
    calls: dict[str, Callable[[], object]] = {
        "find": lambda: memory.find("k"),
        "insert": lambda: memory.insert("k", b"", memory.clock() + HOUR),
        "replace": lambda: memory.replace("k", b"", b"", memory.clock() + HOUR),
        "touch": lambda: memory.touch("k", memory.clock() + HOUR),
        "commit": lambda: memory.commit("k", b"", memory.clock() + HOUR),
        "delete": lambda: memory.delete("k"),
        "all": memory.all,
        "find_principal": lambda: memory.find_principal("ada"),
        "delete_principal": lambda: memory.delete_principal("ada"),
        "delete_expired": lambda: memory.delete_expired(1),
        "count": memory.count,
        "count_expired": memory.count_expired,
    }
    for method, call in calls.items():
        memory.trace.clear()
        memory.fail_next(method, landed=True)
        with pytest.raises(StoreUnavailable, match=f"{method} fails"):
            call()
        assert memory.trace == [f"before {method}"], "at the call, and not when its result is used"


def test_all_goes_through_a_copy(memory: Stepping, clock: ManualClock) -> None:
    for key in ("a", "b", "c"):
        memory.insert(key, b"x", clock() + HOUR)
    keys = []
    for key, _ in memory.all():
        keys.append(key)
        memory.delete("b")
        memory.insert(f"new {key}", b"x", clock() + HOUR)
        if len(keys) == 1:
            clock.advance(2 * HOUR)
    assert keys == ["a", "b", "c"]


def test_scripts_run_in_order_and_once(memory: Stepping) -> None:
    seen: list[int] = []
    memory.before_next("find", lambda: seen.append(1))
    memory.before_next("find", lambda: seen.append(2))
    memory.after_next("find", lambda: seen.append(3))
    memory.find("a")
    assert seen == [1, 3]
    memory.find("a")
    memory.find("a")
    assert seen == [1, 3, 2]


def test_a_scripted_failure_before_or_after_the_work(memory: Stepping, clock: ManualClock) -> None:
    memory.fail_next("insert")
    with pytest.raises(StoreUnavailable, match="insert fails"):
        memory.insert("a", b"", clock() + HOUR)
    assert memory.find("a") is None
    memory.fail_next("insert", landed=True, error=ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        memory.insert("a", b"", clock() + HOUR)
    assert memory.find("a") is not None


def test_a_script_may_wait_for_another_thread(memory: Stepping) -> None:
    """It holds no lock that the other one would need."""
    others = threading.Thread(target=memory.find, args=("b",))

    def let_the_other_run() -> None:
        others.start()
        others.join(30)
        assert not others.is_alive()

    memory.before_next("find", let_the_other_run)
    memory.find("a")


def test_a_method_that_is_not_in_the_contract_cannot_be_scripted(memory: Stepping) -> None:
    with pytest.raises(ValueError, match="'finds' is not one of all, commit"):
        memory.fail_next("finds")


def test_the_clocks_of_store_and_middleware_are_set_alike(memory: Stepping, clock: ManualClock) -> None:
    middleware = SessionMiddleware(lambda environ, start_response: [], memory, lifetime=HOUR)
    middleware.clock = clock
    session = middleware.open(None)
    session["a"] = 1
    session.commit()
    clock.advance(HOUR)
    assert middleware.open(session.token).new
    assert memory.count_expired() == 1
