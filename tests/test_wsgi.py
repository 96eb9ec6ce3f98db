"""PEP 3333 to the letter: who calls what, when, and how often (W1 to W12)."""

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from wsgi_chaisession import Cookie, HeadersSent, MsgpackCodec, SessionMiddleware, StoreUnavailable, tokens
from wsgi_chaisession.testing import ManualClock, MemoryStore

KEY = "chaisession.session"
PLAIN = [("Content-Type", "text/plain")]


class Server:
    """The server's side of WSGI, keeping a record of what reached it."""

    def __init__(self) -> None:
        self.starts: list[tuple[str, list[tuple[str, str]]]] = []
        self.written: list[bytes] = []
        self.headers_sent = False

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        if exc_info is not None and self.headers_sent:
            raise exc_info[1]
        assert exc_info is not None or not self.starts
        self.starts.append((status, headers))
        return self._write

    def _write(self, data: bytes) -> None:
        assert self.starts
        self.headers_sent = True
        self.written.append(data)

    def run(self, app: Any, environ: dict[str, Any]) -> bytes:
        body = app(environ, self.start_response)
        try:
            for part in body:
                assert self.starts, "a body part came before start_response"
                self.headers_sent = True
                self.written.append(part)
        finally:
            if hasattr(body, "close"):
                body.close()
        return b"".join(self.written)

    @property
    def status(self) -> str:
        return self.starts[-1][0]

    def header(self, name: str) -> str | None:
        return dict(self.starts[-1][1]).get(name)


class Body:
    """An application's iterable that counts how it is used."""

    def __init__(self, parts: Iterable[Any]) -> None:
        self.parts = parts
        self.closed = 0
        self.read = 0

    def __iter__(self) -> Iterator[bytes]:
        for part in self.parts:
            self.read += 1
            yield part() if callable(part) else part

    def close(self) -> None:
        self.closed += 1


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def wrap(memory: MemoryStore, clock: ManualClock) -> Callable[..., SessionMiddleware]:
    def wrap(app: Any, **options: Any) -> SessionMiddleware:
        middleware = SessionMiddleware(app, memory, **options)
        middleware.clock = clock
        return middleware

    return wrap


def environ(token: str | None = None, /, **more: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"QUERY_STRING": ""}
    if token:
        values["HTTP_COOKIE"] = f"session={token}"
    setup_testing_defaults(values)
    return values | more


@pytest.fixture
def token(memory: MemoryStore, wrap: Any) -> str:
    """A session that holds n=1."""
    seen: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ[KEY]["n"] = 1
        environ[KEY].commit()
        seen.append(environ[KEY].token)
        start_response("200 OK", PLAIN)
        return []

    Server().run(wrap(app), environ())
    return seen[0]


def stored(memory: MemoryStore, token: str) -> Any:
    record = memory.find(tokens.hash_token(token))
    return MsgpackCodec().loads(record.data)["values"] if record else None


def loaded(record: Any) -> dict[str, Any]:
    return MsgpackCodec().loads(record.data)


def fail() -> bytes:
    raise ZeroDivisionError


def streaming(body: Callable[[Any], Iterable[Any]]) -> Any:
    """An application that calls start_response at once and returns Body over *body(session)*."""

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        app.body = Body(body(environ[KEY]))  # type: ignore[attr-defined]
        return app.body  # type: ignore[attr-defined]

    return app


# -- W2: what a generator does -------------------------------------------------


def test_w2_changes_before_the_first_part_are_committed_with_the_headers(wrap: Any, server: Server) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        environ[KEY]["a"] = 1
        start_response("200 OK", PLAIN)
        yield b"one"
        yield b"two"

    assert server.run(validator(wrap(validator(app))), environ()) == b"onetwo"
    assert "session=" in (server.header("Set-Cookie") or "")


def test_w2_only_the_first_part_is_read_ahead(wrap: Any, server: Server) -> None:
    app = streaming(lambda session: [b"1", b"2", b"3"])
    body = wrap(app)(environ(), server.start_response)
    assert app.body.read == 1
    parts = iter(body)
    assert next(parts) == b"1"
    assert app.body.read == 1
    assert next(parts) == b"2"
    assert app.body.read == 2
    body.close()


def test_w2_late_changes_of_an_existing_session_are_saved_at_close(
    wrap: Any, server: Server, memory: MemoryStore, token: str
) -> None:
    def parts(session: Any) -> Iterator[bytes]:
        yield b"first"
        session["n"] += 1
        yield b"second"

    body = wrap(streaming(parts))(environ(token), server.start_response)
    assert list(body) == [b"first", b"second"]
    assert stored(memory, token) == {"n": 1}
    body.close()
    assert stored(memory, token) == {"n": 2}
    assert server.header("Set-Cookie") is None


def test_w2_late_changes_of_a_session_made_in_this_response_are_saved_too(
    wrap: Any, server: Server, memory: MemoryStore
) -> None:
    def parts(session: Any) -> Iterator[bytes]:
        session["n"] = 1
        yield b"first"
        session["n"] = 2

    server.run(wrap(streaming(parts)), environ())
    [(_, record)] = memory.all()
    assert MsgpackCodec().loads(record.data)["values"] == {"n": 2}


def test_w2_a_new_session_cannot_begin_after_the_headers(
    wrap: Any, server: Server, memory: MemoryStore
) -> None:
    def parts(session: Any) -> Iterator[bytes]:
        yield b"first"
        session["cart"] = 1

    with pytest.raises(HeadersSent, match=r"session\['cart'\] was changed after the response headers left"):
        server.run(wrap(streaming(parts)), environ())
    assert memory.count() == 0


@pytest.mark.parametrize("end", ["elsewhere", "here"])
def test_w2_nor_can_one_that_has_ended_begin_anew(
    wrap: Any, server: Server, memory: MemoryStore, token: str, *, end: str
) -> None:
    def parts(session: Any) -> Iterator[bytes]:
        session["n"] = 2
        if end == "elsewhere":
            memory.delete(tokens.hash_token(token))
        yield b"first"
        if end == "here":
            session.destroy()
        session["n"] = 3

    reason = "has ended elsewhere" if end == "elsewhere" else "was destroyed"
    with pytest.raises(HeadersSent, match=f"and this session {reason}: its cookie can no longer be sent"):
        server.run(wrap(streaming(parts)), environ(token))


@pytest.mark.parametrize("call", ["renew_token", "remember_me"])
def test_w2_what_needs_a_cookie_is_refused_after_the_headers(
    wrap: Any, server: Server, token: str, call: str
) -> None:
    def parts(session: Any) -> Iterator[bytes]:
        yield b"first"
        getattr(session, call)()

    with pytest.raises(HeadersSent, match=f"{call}\\(\\) was called after the response headers left"):
        server.run(wrap(streaming(parts)), environ(token))


def test_w2_destroying_late_deletes_the_row(
    wrap: Any, server: Server, memory: MemoryStore, token: str
) -> None:
    def parts(session: Any) -> Iterator[bytes]:
        yield b"first"
        session.destroy()

    server.run(wrap(streaming(parts)), environ(token))
    assert memory.count() == 0


def test_w2_a_late_save_that_fails_is_logged(
    wrap: Any, memory: MemoryStore, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    def down(*args: Any, **options: Any) -> bool:
        raise StoreUnavailable("down")

    def parts(session: Any) -> Iterator[bytes]:
        yield b"first"
        session["n"] = 2
        memory.replace = down  # type: ignore[method-assign]

    assert Server().run(wrap(streaming(parts)), environ(token)) == b"first"
    assert "changes made after the headers left are lost" in caplog.text
    assert token not in caplog.text


# -- W3: close() exactly once --------------------------------------------------


def test_w3_close_after_exhaustion(wrap: Any, server: Server) -> None:
    app = streaming(lambda session: [b"1", b"2"])
    server.run(wrap(app), environ())
    assert app.body.closed == 1


def test_w3_close_after_an_early_disconnect(wrap: Any, server: Server) -> None:
    app = streaming(lambda session: [b"1", b"2"])
    body = wrap(app)(environ(), server.start_response)
    assert next(iter(body)) == b"1"
    body.close()
    body.close()
    assert (app.body.closed, app.body.read) == (1, 1)


def test_w3_close_when_nothing_was_iterated(wrap: Any, server: Server) -> None:
    app = streaming(lambda session: [b"1"])
    wrap(app)(environ(REQUEST_METHOD="HEAD"), server.start_response).close()
    assert app.body.closed == 1


@pytest.mark.parametrize("error", [ZeroDivisionError, SystemExit, GeneratorExit])
def test_w3_an_error_in_the_body_saves_nothing_after_the_headers(
    wrap: Any, server: Server, memory: MemoryStore, token: str, *, error: type[BaseException]
) -> None:
    """As one before the headers saves nothing: a half done change is none."""

    def parts(session: Any) -> Iterator[bytes]:
        session["n"] = 2
        yield b"first"
        session["n"] = 3
        yield b"second"
        raise error

    with pytest.raises(error):
        server.run(wrap(streaming(parts)), environ(token))
    assert stored(memory, token) == {"n": 2}


def test_w3_a_client_that_leaves_keeps_what_was_done_until_then(
    wrap: Any, server: Server, memory: MemoryStore, token: str
) -> None:
    def parts(session: Any) -> Iterator[bytes]:
        yield b"first"
        session["n"] = 2
        yield b"second"
        session["n"] = 3

    body = iter(wrap(streaming(parts))(environ(token), server.start_response))
    assert [next(body), next(body)] == [b"first", b"second"]
    body.close()
    assert stored(memory, token) == {"n": 2}


@pytest.mark.parametrize("good", [0, 1, 2])
def test_w3_close_after_an_error_in_the_body(wrap: Any, server: Server, good: int) -> None:
    app = streaming(lambda session: [b"x"] * good + [fail])
    with pytest.raises(ZeroDivisionError):
        server.run(wrap(app), environ())
    assert app.body.closed == 1
    assert len(server.starts) == min(good, 1), "before the first part nothing has been promised"


def test_w3_close_when_the_commit_fails(wrap: Any, server: Server, memory: MemoryStore) -> None:
    def down(*args: Any, **options: Any) -> bool:
        raise StoreUnavailable("down")

    memory.insert = down  # type: ignore[method-assign]
    app = streaming(lambda session: [lambda: session.update(a=1) or b"x"])
    body = server.run(wrap(app), environ())
    assert app.body.closed == 1
    assert server.status == "503 Service Unavailable"
    assert b"try again" in body


def test_w3_close_runs_on_the_iterable_not_on_its_iterator(wrap: Any, server: Server) -> None:
    class WithAnotherIterator(Body):
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"1", b"2"])

    made = WithAnotherIterator([])

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return made

    assert server.run(wrap(app), environ()) == b"12"
    assert made.closed == 1


def test_w3_an_error_in_the_applications_close_still_saves(
    wrap: Any, server: Server, memory: MemoryStore, token: str
) -> None:
    class Angry(Body):
        def close(self) -> None:
            raise ZeroDivisionError

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return Angry([lambda: b"1", lambda: environ[KEY].update(n=5) or b"2"])

    with pytest.raises(ZeroDivisionError):
        server.run(wrap(app), environ(token))
    assert stored(memory, token) == {"n": 5}


# -- W4: same objects ----------------------------------------------------------


@pytest.mark.parametrize("body", [[b"a", b"b"], [], (b"x",)], ids=["list", "empty", "tuple"])
def test_w4_lists_reach_the_server_as_they_are(wrap: Any, server: Server, body: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        environ[KEY]["a"] = 1
        start_response("200 OK", PLAIN)
        return body

    assert wrap(app)(environ(), server.start_response) is body
    assert server.header("Set-Cookie")


@pytest.mark.parametrize("kind", [list, tuple, FileWrapper])
def test_w4_a_subclass_that_runs_code_is_no_list(
    wrap: Any, server: Server, memory: MemoryStore, token: str, *, kind: Any
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        class Running(kind):  # type: ignore[misc]
            def __iter__(self) -> Iterator[bytes]:
                environ[KEY]["n"] = 2
                return super().__iter__()  # type: ignore[no-any-return]

        start_response("200 OK", PLAIN)
        return Running(io.BytesIO(b"part") if kind is FileWrapper else [b"part"])

    assert server.run(wrap(app), environ(token) | {"wsgi.file_wrapper": FileWrapper}) == b"part"
    assert stored(memory, token) == {"n": 2}


def test_w4_a_file_wrapper_reaches_the_server_as_it_is(wrap: Any, server: Server) -> None:
    wrapped = FileWrapper(io.BytesIO(b"file"))

    def app(environ: Any, start_response: Any) -> Any:
        environ[KEY]["a"] = 1
        start_response("200 OK", PLAIN)
        return wrapped

    result = wrap(app)(environ() | {"wsgi.file_wrapper": FileWrapper}, server.start_response)
    assert result is wrapped
    assert server.header("Set-Cookie")


def test_w4_a_file_for_a_server_whose_wrapper_is_a_function(wrap: Any, server: Server, tmp_path: Any) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"file")

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return environ["wsgi.file_wrapper"](file, 4096)

    with path.open("rb") as file:
        result = wrap(app)(environ() | {"wsgi.file_wrapper": lambda file, size: file}, server.start_response)
        assert result is file


def test_w4_what_has_a_file_number_is_no_file_without_a_wrapper(
    wrap: Any, server: Server, memory: MemoryStore, token: str
) -> None:
    class Pipe(Body):
        def fileno(self) -> int:
            return 0

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        return Pipe([b"first", lambda: environ[KEY].update(n=2) or b"second"])

    server.run(wrap(app), environ(token))
    assert stored(memory, token) == {"n": 2}


def test_w4_a_failing_commit_closes_what_passes_through(
    wrap: Any, server: Server, memory: MemoryStore
) -> None:
    file = io.BytesIO(b"file")

    def down(*args: Any, **options: Any) -> bool:
        raise StoreUnavailable("down")

    def app(environ: Any, start_response: Any) -> Any:
        environ[KEY]["a"] = 1
        start_response("200 OK", PLAIN)
        return FileWrapper(file)

    memory.insert = down  # type: ignore[method-assign]
    server.run(wrap(app), environ() | {"wsgi.file_wrapper": FileWrapper})
    assert server.status == "503 Service Unavailable"
    assert file.closed


# -- W5: exc_info --------------------------------------------------------------


def test_w5_an_error_page_replaces_the_headers_before_they_leave(
    wrap: Any, server: Server, memory: MemoryStore
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        try:
            environ[KEY]["a"] = 1
            fail()
        except ZeroDivisionError:
            start_response("500 Oops", PLAIN, sys.exc_info())
        return [b"sorry"]

    assert server.run(wrap(app), environ()) == b"sorry"
    assert [status for status, _ in server.starts] == ["500 Oops"]
    assert memory.count() == 1
    assert server.header("Set-Cookie")


def test_w5_after_the_headers_left_the_error_is_raised_again(
    wrap: Any, server: Server, memory: MemoryStore
) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        environ[KEY]["a"] = 1
        start_response("200 OK", PLAIN)
        yield b"first"
        try:
            fail()
        except ZeroDivisionError:
            start_response("500 Oops", PLAIN, sys.exc_info())
        yield b"never"

    with pytest.raises(ZeroDivisionError):
        server.run(wrap(app), environ())
    assert [status for status, _ in server.starts] == ["200 OK"]
    assert memory.count() == 1


def test_w5_an_error_after_an_empty_first_part_keeps_the_cookie(
    wrap: Any, server: Server, memory: MemoryStore
) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        environ[KEY]["a"] = 1
        start_response("200 OK", PLAIN)
        yield b""
        start_response("500 Oops", PLAIN, (ZeroDivisionError, ZeroDivisionError(), None))
        yield b"sorry"

    body = wrap(app)(environ(), server.start_response)
    assert b"".join(body) == b"sorry"
    body.close()
    assert server.status == "500 Oops"
    assert server.header("Set-Cookie")
    assert memory.count() == 1


def test_w5_starting_twice_without_an_error_is_one(wrap: Any, server: Server) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)
        start_response("200 OK", PLAIN)
        return []

    with pytest.raises(AssertionError, match="second time without exc_info"):
        server.run(wrap(app), environ())


def test_w5_a_body_without_start_response_is_one_too(wrap: Any, server: Server) -> None:
    with pytest.raises(AssertionError, match="before it called start_response"):
        server.run(wrap(lambda environ, start_response: [b"x"]), environ())


# -- W6: write() ---------------------------------------------------------------


def test_w6_the_first_write_sends_the_headers(wrap: Any, server: Server, memory: MemoryStore) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", PLAIN)
        environ[KEY]["a"] = 1
        write(b"one ")
        assert server.header("Set-Cookie")
        assert memory.count() == 1
        write(b"two ")
        return [b"three"]

    assert server.run(validator(wrap(app)), environ()) == b"one two three"


def test_w6_changes_after_a_write_are_saved_at_close(
    wrap: Any, server: Server, memory: MemoryStore, token: str
) -> None:
    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", PLAIN)(b"one")

        def rest() -> Iterator[bytes]:
            environ[KEY]["n"] = 7
            yield b"two"

        return rest()

    assert server.run(wrap(app), environ(token)) == b"onetwo"
    assert stored(memory, token) == {"n": 7}


@pytest.mark.parametrize("kind", [list, tuple, FileWrapper], ids=["list", "tuple", "file"])
def test_w6_changes_between_a_write_and_the_return_are_saved(
    wrap: Any, server: Server, memory: MemoryStore, token: str, *, kind: Any
) -> None:
    body = kind(io.BytesIO(b"two") if kind is FileWrapper else [b"two"])

    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)(b"one")
        environ[KEY]["n"] = 2
        return body

    given = environ(token) | {"wsgi.file_wrapper": FileWrapper}
    assert wrap(app)(given, server.start_response) is body, "it is passed through all the same"
    assert stored(memory, token) == {"n": 2}


@pytest.mark.parametrize("lack", ["conflict", "store", "codec"])
def test_w6_a_late_save_that_cannot_be_is_logged_and_counted(
    wrap: Any,
    server: Server,
    memory: MemoryStore,
    token: str,
    *,
    lack: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", PLAIN)(b"one")
        environ[KEY]["n"] = object() if lack == "codec" else 2
        if lack == "store":
            memory.fail_next("replace")
        elif lack == "conflict":
            [(key, record)] = memory.all()
            memory.commit(key, MsgpackCodec().dumps(loaded(record) | {"label": "theirs"}), record.expiry)
        return [b"two"]

    middleware = wrap(app, on_conflict="error")
    assert server.run(middleware, environ(token)) == b"onetwo"
    assert stored(memory, token) == {"n": 1}
    assert "changes made after the headers left are lost" in caplog.text
    assert middleware.counters["store_error"] == 1


def test_w6_a_failing_commit_stops_the_write(wrap: Any, server: Server, memory: MemoryStore) -> None:
    def down(*args: Any, **options: Any) -> bool:
        raise StoreUnavailable("down")

    def app(environ: Any, start_response: Any) -> Any:
        environ[KEY]["a"] = 1
        start_response("200 OK", PLAIN)(b"lost")
        return []

    memory.insert = down  # type: ignore[method-assign]
    assert b"lost" not in server.run(wrap(app), environ())
    assert server.status == "503 Service Unavailable"


# -- W7, W8, W10, W12 ----------------------------------------------------------


@pytest.mark.parametrize("started", [False, True])
def test_w7_an_exception_commits_nothing_and_passes_unchanged(
    wrap: Any, server: Server, memory: MemoryStore, started: bool
) -> None:
    error = ZeroDivisionError("mine")

    def app(environ: Any, start_response: Any) -> Any:
        environ[KEY]["a"] = 1
        if started:
            start_response("200 OK", PLAIN)
        raise error

    with pytest.raises(ZeroDivisionError) as caught:
        server.run(wrap(app), environ())
    assert caught.value is error
    assert memory.count() == 0
    assert server.starts == []


def test_w8_two_middlewares_with_names_of_their_own(wrap: Any, server: Server, clock: ManualClock) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        environ[KEY]["who"] = "inner"
        environ["other.session"]["who"] = "outer"
        start_response("200 OK", PLAIN)
        return []

    other = MemoryStore(clock)
    outer = SessionMiddleware(wrap(app), other, environ_key="other.session", cookie=Cookie(name="other"))
    server.run(outer, environ())
    names = [value.partition("=")[0] for name, value in server.starts[0][1] if name == "Set-Cookie"]
    assert names == ["session", "other"]
    assert server.starts[0][1].count(("Vary", "Cookie")) == 1


class Nest:
    """Two middlewares around one application, each with a store; the client keeps both cookies."""

    def __init__(self, wrap: Any, memory: MemoryStore, outer: MemoryStore) -> None:
        self.action: Callable[[Any, Any], object] = lambda inner, outer: None
        self.cookies: dict[str, str] = {}
        self.memory = memory
        within = SessionMiddleware(
            wrap(self.app), outer, environ_key="o.session", cookie=Cookie(name="outer")
        )
        within.clock = memory.clock
        self.wsgi = within

    def app(self, environ: Any, start_response: Any) -> list[bytes]:
        self.action(environ[KEY], environ["o.session"])
        start_response("200 OK", [*PLAIN, ("Set-Cookie", "theirs=1")])
        return [b"ok"]

    def do(self, action: Callable[[Any, Any], object]) -> Server:
        self.action = action
        server = Server()
        sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        server.run(validator(self.wsgi), environ(HTTP_COOKIE=sent))
        for name, value in server.starts[0][1]:
            if name == "Set-Cookie":
                key, _, text = value.partition(";")[0].partition("=")
                self.cookies[key] = text
        return server


@pytest.fixture
def outer_store(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def nest(wrap: Any, memory: MemoryStore, outer_store: MemoryStore) -> Nest:
    return Nest(wrap, memory, outer_store)


def test_w8_the_inner_session_is_not_lost_when_the_outer_one_cannot_be_stored(
    nest: Nest, outer_store: MemoryStore
) -> None:
    nest.do(lambda inner, outer: inner.update(n=1))
    before = nest.cookies["session"]
    outer_store.fail_next("insert")
    server = nest.do(lambda inner, outer: (inner.renew_token(), outer.update(n=1)))
    assert server.status == "503 Service Unavailable"
    assert nest.cookies["session"] != before
    assert nest.cookies.keys() == {"session", "theirs"}, "the application's own are those of the first answer"
    assert "theirs" not in repr(server.starts)
    assert ("Vary", "Cookie") in server.starts[0][1]
    seen: list[Any] = []
    nest.do(lambda inner, outer: seen.append(dict(inner)))
    assert seen == [{"n": 1}]


def test_w8_when_the_inner_session_cannot_be_stored_the_outer_one_is(nest: Nest) -> None:
    nest.memory.fail_next("insert")
    server = nest.do(lambda inner, outer: (inner.update(n=1), outer.update(n=1)))
    assert server.status == "503 Service Unavailable"
    assert nest.cookies.keys() == {"outer"}


def test_w8_the_same_middleware_twice_is_one(wrap: Any, server: Server, memory: MemoryStore) -> None:
    seen = []

    def app(environ: Any, start_response: Any) -> Any:
        seen.append(environ[KEY])
        environ[KEY]["a"] = 1
        start_response("200 OK", PLAIN)
        return []

    server.run(wrap(wrap(app)), environ())
    assert memory.count() == 1
    assert [name for name, _ in server.starts[0][1]].count("Set-Cookie") == 1


def test_w10_the_environment_gains_one_dotted_key(wrap: Any, server: Server) -> None:
    before = environ()
    given = dict(before)

    def app(environ: Any, start_response: Any) -> Any:
        assert environ is given
        start_response("200 OK", PLAIN)
        return []

    server.run(wrap(app), given)
    assert given.keys() - before.keys() == {KEY}


def test_w12_body_and_length_are_left_alone(wrap: Any, server: Server) -> None:
    headers = [("Content-Type", "text/plain"), ("Content-Length", "4")]

    def app(environ: Any, start_response: Any) -> Any:
        environ[KEY]["a"] = 1
        start_response("200 OK", headers)
        return iter([b"ab", b"cd"])

    assert server.run(validator(wrap(app)), environ()) == b"abcd"
    assert server.header("Content-Length") == "4"
    assert len(headers) == 2, "the application's own list is not changed"


def test_a_generator_without_parts(wrap: Any, server: Server) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("204 No Content", [])
        environ[KEY]["a"] = 1
        return iter(())

    assert server.run(wrap(app), environ()) == b""
    assert server.header("Set-Cookie")
