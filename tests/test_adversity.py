"""Bad input, bad applications and bad stores, met through the whole middleware."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from wsgi_chaisession import ChaiStore, DecodeError, MsgpackCodec, Record, SessionMiddleware, tokens
from wsgi_chaisession.testing import Clock, MemoryStore

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


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


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
    with closing(ChaiStore(url if where.startswith("a URL") else target)) as store:
        browser = make_real_site(store, store_timeout=5).browser()
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


def test_a18_a_session_of_an_older_version_is_read_and_then_written_anew(
    site: Any, memory: MemoryStore, clock: Clock
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
