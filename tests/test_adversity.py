"""Bad input, bad applications and bad stores, met through the whole middleware."""

import os
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from waiting import stopped
from wsgi_chaisession import ChaiStore, DecodeError, MsgpackCodec, Record, SessionMiddleware, tokens
from wsgi_chaisession.sameness import Sameness
from wsgi_chaisession.testing import ManualClock, MemoryStore

NEIGHBOURS = {
    "hundreds": "; ".join(f"name{i}=value{i}" for i in range(900)),
    "64 KiB": "big=" + "x" * 65536,
    "64 KiB of separators": "; =" * 21846,
    "not ASCII": "größe=\xff\xfe; \x80\x81=ä",
    "broken quoting": 'a="unclosed; b=un"closed; "=; c="\\',
    "ours, malformed": "session=; session; session=short; session=" + "x" * 65536,
    "nothing": ";;; ; =; ",
}


@pytest.mark.parametrize("neighbours", NEIGHBOURS.values(), ids=NEIGHBOURS)
@pytest.mark.parametrize("place", ["before", "after"])
def test_a25_no_neighbour_costs_anybody_the_session(browser: Any, neighbours: str, place: str) -> None:
    browser.put(user="alice")
    ours = f"session={browser.cookie}"
    header = f"{neighbours}; {ours}" if place == "before" else f"{ours}; {neighbours}"
    browser.http.reset()
    browser.do(dict, headers={"Cookie": header})
    assert browser.result == {"user": "alice"}


@pytest.mark.parametrize("neighbours", NEIGHBOURS.values(), ids=NEIGHBOURS)
def test_a25_without_ours_it_is_a_new_session(browser: Any, memory: MemoryStore, neighbours: str) -> None:
    memory.before_next("find", lambda: pytest.fail("there is no token to look for"))
    browser.do(lambda session: (dict(session), session.new), headers={"Cookie": neighbours})
    assert browser.result == ({}, True)


@pytest.mark.parametrize("number", [1, 4])
def test_a25_cookies_that_a_neighbour_planted_hide_no_session(
    site: Any, memory: MemoryStore, number: int
) -> None:
    """Another host of the domain may set well-formed ones; browsers may send them first."""
    planted = "; ".join(f"session={tokens.generate()}" for _ in range(number))
    person = site.browser()

    def sent() -> dict[str, str]:
        return {"Cookie": f"{planted}; session={person.cookie}" if person.cookie else planted}

    def log_in(session: Any) -> None:
        session.renew_token()
        session["user"] = "alice"

    for _ in range(2):
        person.do(log_in, headers=sent())
        person.do(dict, headers=sent())
        assert person.result == {"user": "alice"}
        assert memory.count() == 1


@pytest.mark.parametrize("first", ["unreadable", "past its deadline", "expired"])
def test_a25_a_session_that_is_none_hides_no_other_either(
    site: Any, browser: Any, memory: MemoryStore, first: str
) -> None:
    old = site.browser()
    old.put(user="bob")
    record = memory.find(tokens.hash_token(old.cookie))
    assert record is not None
    hour = timedelta(hours=1)
    data, expiry = record.data, record.expiry
    if first == "unreadable":
        data = b"garbage"
    elif first == "expired":
        expiry = memory.clock() - hour
    else:
        payload = MsgpackCodec().loads(data) | {"deadline": memory.clock() - hour}
        data = MsgpackCodec().dumps(payload)
    memory.commit(tokens.hash_token(old.cookie), data, expiry)
    browser.put(user="alice")
    browser.do(dict, headers={"Cookie": f"session={old.cookie}; session={browser.cookie}"})
    assert browser.result == {"user": "alice"}


def test_a25_beyond_five_tokens_nobody_looks(browser: Any, memory: MemoryStore) -> None:
    browser.put(user="alice")
    looks: list[int] = []
    for _ in range(10):
        memory.before_next("find", lambda: looks.append(1))
    planted = "; ".join(f"session={tokens.generate()}" for _ in range(5))
    browser.do(dict, headers={"Cookie": f"{planted}; session={browser.cookie}"})
    assert (browser.result, len(looks)) == ({}, 5)


def test_a7_a_logout_ends_the_sessions_of_all_tokens_that_were_sent(
    site: Any, browser: Any, memory: MemoryStore
) -> None:
    browser.put(user="alice")
    other = site.browser()
    other.put(user="bob")
    sent = f"session={tokens.generate()}; session={other.cookie}; session={browser.cookie}"
    response = browser.do(lambda session: session.destroy(), headers={"Cookie": sent})
    assert memory.count() == 0
    assert "Max-Age=0" in response.headers["Set-Cookie"]


def test_a25_of_two_of_ours_the_first_is_taken(site: Any, browser: Any) -> None:
    browser.put(user="alice")
    other = site.browser()
    other.put(user="bob")
    header = f"session={other.cookie}; session={browser.cookie}"
    third = site.browser()
    third.do(dict, headers={"Cookie": header})
    assert third.result == {"user": "bob"}


def test_w7_an_application_that_returns_nothing_fails_as_it_would_alone(memory: MemoryStore) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        environ["chaisession.session"]["a"] = 1
        start_response("200 OK", [])

    started: list[Any] = []
    with pytest.raises(TypeError, match="NoneType"):
        SessionMiddleware(app, memory)({}, lambda *given: started.append(given))  # type: ignore[arg-type]
    assert (started, memory.count()) == ([], 0)


def test_a19_a_hanging_store_is_a_503_and_then_works_again(
    make_real_site: Callable[..., Any], store: ChaiStore, chai_dir: Path, pid_of: Callable[[Path], int]
) -> None:
    warm = make_real_site(store, store_timeout=20).browser()
    warm.put(user="alice")
    browser = make_real_site(store, store_timeout=0.3).browser()
    browser.cookie = warm.cookie
    with stopped(pid_of(chai_dir)):  # the answer comes although the server is not heard of again
        response = browser.do(dict, status=503)
    assert response.headers["Retry-After"]
    assert "Set-Cookie" not in response.headers
    browser.do(dict)
    assert browser.result == {"user": "alice"}


@pytest.mark.parametrize("where", ["a URL that nobody serves", "a file", "a folder of other things"])
def test_a19_a_store_that_is_not_there_is_a_503(
    make_real_site: Callable[..., Any], tmp_path: Path, where: str
) -> None:
    target = tmp_path / "db"
    if where == "a file":
        target.write_text("x")
    elif where == "a folder of other things":
        target.mkdir()
        (target / "letter.txt").write_text("x")
    url = f"postgresql://chai@/chai?host={tmp_path}"
    nowhere = where.startswith("a URL")
    with closing(ChaiStore(url if nowhere else target)) as store:
        browser = make_real_site(store, store_timeout=0.3 if nowhere else 20).browser()
        browser.cookie = tokens.generate()
        browser.do(dict, status=503)
        browser.do(lambda session: None)  # what needs no session is served


def test_an_error_that_is_no_stores_passes_unchanged(browser: Any, memory: MemoryStore) -> None:
    browser.put(a=1)
    memory.fail_next("find", error=ZeroDivisionError("a bug in a store"))
    with pytest.raises(ZeroDivisionError):
        browser.do(dict)


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\x02", b"\x02\x80", b"\x02\x81\xa6values\x01", "text", None], ids=repr
)
def test_a18_garbage_from_a_store_is_a_new_session(
    site: Any, browser: Any, memory: MemoryStore, data: Any
) -> None:
    browser.put(a=1)
    before = browser.cookie
    [(key, record)] = memory.all()
    memory.commit(key, data, record.expiry)
    browser.do(dict)
    assert browser.result == {}
    assert site.middleware.counters["undecodable"] == 1
    browser.put(b=2)
    assert browser.cookie != before
    assert browser.get("b") == 2


class Masking:
    """A codec of one's own, as somebody might write for encryption."""

    def __init__(self, mask: int) -> None:
        self.mask = mask
        self.inner = MsgpackCodec()

    def dumps(self, payload: Any) -> bytes:
        return bytes([self.mask]) + bytes(byte ^ self.mask for byte in self.inner.dumps(payload))

    def loads(self, data: bytes) -> dict[str, Any]:
        if data[0] != self.mask:
            raise DecodeError("made with another key")
        return self.inner.loads(bytes(byte ^ self.mask for byte in data[1:]))


def test_a_codec_that_writes_the_same_bytes_is_not_asked_to_read_them_again(
    make_site: Callable[..., Any], memory: MemoryStore
) -> None:
    read: list[int] = []

    class Counting(MsgpackCodec):
        def loads(self, data: bytes) -> dict[str, Any]:
            read.append(1)
            return super().loads(data)

    browser = make_site(codec=Counting()).browser()
    browser.put(a=1)
    browser.put(a=2)
    assert len(read) == 1, "when it was loaded"


def test_a_codec_of_ones_own(make_site: Callable[..., Any], memory: MemoryStore) -> None:
    browser = make_site(codec=Masking(7)).browser()
    browser.put(user="alice")
    browser.do(lambda session: session["user"])
    assert browser.result == "alice"
    [(_, record)] = memory.all()
    assert b"alice" not in record.data
    other = make_site(codec=Masking(8)).browser()
    other.cookie = browser.cookie
    other.do(dict)
    assert other.result == {}


class Encrypting:
    """A codec that never writes the same bytes twice, as authenticated encryption does not."""

    inner = MsgpackCodec()

    def dumps(self, payload: Any) -> bytes:
        return os.urandom(8) + self.inner.dumps(payload)

    def loads(self, data: bytes) -> dict[str, Any]:
        return self.inner.loads(data[8:])


def test_encryption_makes_no_change_of_what_is_none(
    make_site: Callable[..., Any], memory: MemoryStore
) -> None:
    site = make_site(codec=Encrypting())
    browser, tab = site.browser(), site.browser()
    browser.put(a=1, cart=[1], zero=0.0)
    tab.cookie = browser.cookie
    before = list(memory.all())
    browser.do(lambda session: (session["cart"], session.update(a=1)))
    assert list(memory.all()) == before, "read and put back"

    def act(session: Any) -> None:
        assert session["cart"] == [1]
        tab.put(b=2)
        session["a"] = 2

    browser.do(act)
    browser.do(dict)
    assert browser.result == {"a": 2, "b": 2, "cart": [1], "zero": 0.0}
    browser.do(lambda session: session["cart"].append(2))
    assert browser.get("cart") == [1, 2]
    browser.put(zero=-0.0)
    assert str(browser.get("zero")) == "-0.0"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *((1, True), (1, 1.0), (0.0, -0.0), ([1], (1,)), ({1}, frozenset({1})), ({1}, {True}), ([1], [1, 2])),
        *(({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({"a": 1}, {"a": 1.0}), ("a", b"a")),
    ],
    ids=repr,
)
def test_values_that_python_calls_equal_differ_when_encrypted_too(one: Any, other: Any) -> None:
    same = Sameness(Encrypting()).of_values
    assert not same(one, other)
    assert same(one, one)
    assert same(other, other)


def test_not_a_number_is_itself() -> None:
    assert Sameness(Encrypting()).of_values({"x": float("nan")}, {"x": float("nan")})


@pytest.mark.parametrize("error", [KeyError, AttributeError, RuntimeError, ValueError, ZeroDivisionError])
def test_a18_whatever_a_codec_raises_over_data_makes_a_new_session(
    make_site: Callable[..., Any], browser: Any, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    class Failing(MsgpackCodec):
        def loads(self, data: bytes) -> dict[str, Any]:
            raise error("hunter2 is no part")

    browser.put(a=1)
    site = make_site(codec=Failing())
    other = site.browser()
    other.cookie = browser.cookie
    other.do(dict)
    assert other.result == {}
    assert error.__name__ in caplog.text
    assert "hunter2" not in caplog.text
    assert site.middleware.counters["undecodable"] == 1


@pytest.mark.parametrize(
    "parts",
    [
        {"flashes": [1]},
        {"flashes": 5},
        {"flashes": [[1, "info", 1]]},
        {"flashes": [["x", 1, 1]]},
        {"flashes": [["x", "info", "1"]]},
        {"principal": 5},
        {"since": None},
        {"label": 5},
        {"remember": 1},
        {"idle_timeout": 5},
        {"idle_timeout": timedelta(0)},
        {"idle_timeout": timedelta.max},
        {"deadline": datetime.max.replace(tzinfo=UTC)},
        {"deadline": datetime(2031, 1, 1)},  # noqa: DTZ001 - that is the damage
        {"values": [1]},
    ],
    ids=repr,
)
def test_a18_parts_that_cannot_be_make_a_new_session(
    site: Any, browser: Any, memory: MemoryStore, parts: dict[str, Any]
) -> None:
    browser.put(a=1)
    [(key, record)] = memory.all()
    payload = MsgpackCodec().loads(record.data)
    memory.commit(key, MsgpackCodec().dumps(payload | parts), record.expiry)
    browser.do(dict)
    assert browser.result == {}
    assert site.middleware.counters["undecodable"] == 1


def test_a18_a_session_of_an_older_version_is_read_and_then_written_anew(
    site: Any, memory: MemoryStore, clock: ManualClock
) -> None:
    token = tokens.generate()
    old = b'\x01{"values":{"cart":[1]},"deadline":{"!datetime":"2030-01-02T00:00:00+00:00"}}'
    expiry = clock() + timedelta(days=1)
    memory.insert(tokens.hash_token(token), old, expiry)
    browser = site.browser()
    browser.cookie = token
    browser.do(lambda session: session["cart"].append(2))
    assert memory.find(tokens.hash_token(token)) != Record(old, expiry)
    assert browser.get("cart") == [1, 2]
