"""A warning where an application sets a cookie by the middleware's name, as Flask's own sessions do."""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from wsgiref.validate import validator

import flask
import pytest
from werkzeug.test import Client

from documents import ROOT
from wsgi_chaisession import Cookie, SessionMiddleware, TokenHeader
from wsgi_chaisession.clash import FIRST_RESPONSES
from wsgi_chaisession.testing import MemoryStore

WARNING = (
    "the application sets a cookie 'session' itself, as the session middleware does: browsers keep one of "
    "the two, and the session behind the other is lost; give the middleware another name, such as "
    'cookie=Cookie(name="sid")'
)
Request = Callable[[str], object]


def requests(*headers: tuple[str, str], later: Sequence[tuple[str, str]] = (), **options: Any) -> Request:
    """Send requests to an application with these response headers; those for /used change its session."""

    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/used":
            environ["chaisession.session"]["a"] = 1
        start_response("200 OK", [("Content-Type", "text/plain"), *headers, *later])
        return [b""]

    checked: Any = validator(SessionMiddleware(validator(app), MemoryStore(), **options))
    return partial(Client(checked).get, buffered=True)


OURS = ("Set-Cookie", "session=x; Path=/")


def clashes(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record for record in caplog.records if record.name == "wsgi_chaisession.clash"]
    assert {record.levelno for record in found} <= {logging.WARNING}
    return [record.getMessage() for record in found]


@pytest.mark.parametrize("path", ["/unused", "/used"])
@pytest.mark.parametrize("header", [OURS, ("set-cookie", "session=")])
def test_it_is_told_of_once_by_each_middleware(
    caplog: pytest.LogCaptureFixture, path: str, header: tuple[str, str]
) -> None:
    other = ("Set-Cookie", "csrftoken=x")
    for get in (requests(other, header), requests(header)):
        for _ in range(3):
            get(path)
    assert clashes(caplog) == [WARNING, WARNING]
    assert WARNING in (ROOT / "docs" / "troubleshooting.md").read_text()


@pytest.mark.parametrize(
    ("header", "options"),
    [
        (("Set-Cookie", "session2=x"), {}),
        (("Set-Cookie", "other=session=x"), {}),
        (("Not-Cookie", "session=x"), {}),
        (OURS, {"cookie": Cookie(name="sid")}),
        (OURS, {"transport": TokenHeader()}),
    ],
)
def test_other_cookies_are_no_clash(
    caplog: pytest.LogCaptureFixture, header: tuple[str, str], options: dict[str, Any]
) -> None:
    get = requests(header, **options)
    get("/used")
    get("/unused")
    assert clashes(caplog) == []


def test_all_responses_are_looked_at_that_use_the_session_and_the_first_that_do_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    later: list[tuple[str, str]] = []
    get = requests(later=later)
    for _ in range(FIRST_RESPONSES):
        get("/unused")
    later.append(OURS)
    get("/unused")
    assert clashes(caplog) == []
    get("/used")
    assert clashes(caplog) == [WARNING]


@pytest.mark.parametrize("path", ["/flask", "/both"])
def test_flasks_own_session(caplog: pytest.LogCaptureFixture, path: str) -> None:
    app = flask.Flask("shop")
    app.secret_key = "secret"

    @app.get("/flask")
    def of_flask() -> str:
        flask.session["a"] = 1
        return ""

    @app.get("/both")
    def both() -> str:
        flask.request.environ["chaisession.session"]["a"] = 1
        return of_flask()

    plain = app.wsgi_app
    app.wsgi_app = SessionMiddleware(plain, MemoryStore(), cookie=Cookie(name="sid"))  # type: ignore[method-assign]
    app.test_client().get(path)
    assert clashes(caplog) == []
    app.wsgi_app = SessionMiddleware(plain, MemoryStore())  # type: ignore[method-assign]
    app.test_client().get(path)
    assert clashes(caplog) == [WARNING]


@pytest.mark.parametrize("header", [("Set-Cookie", 1), (1, "x"), (b"Set-Cookie", b"session=x"), ("X",), None])
def test_headers_that_are_none_reach_the_server_as_they_are(header: Any) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [header])
        return [b""]

    seen: list[Any] = []
    middleware = SessionMiddleware(app, MemoryStore())
    middleware({"REQUEST_METHOD": "GET", "wsgi.url_scheme": "http"}, lambda _, headers: seen.extend(headers))  # type: ignore[arg-type]
    assert seen == [header]
