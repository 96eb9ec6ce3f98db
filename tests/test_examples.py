"""The examples do what they say: in process under WebTest, and as programs over HTTP."""

import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest
import requests
from webtest import TestApp

from chaisql.cli import main as chaisql_main
from examples.flask_app import create_app
from wsgi_chaisession import ChaiStore, SessionMiddleware

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "db"
    yield place
    if place.is_dir():
        chaisql_main(["stop", str(place)])


@pytest.fixture
def store(directory: Path) -> Iterator[ChaiStore]:
    store = ChaiStore(directory)
    yield store
    store.close()


class Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def hello(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """examples/hello.py as its __main__ guard leaves it, its database in a throwaway directory."""
    from examples import hello

    store = ChaiStore(directory)
    monkeypatch.setattr(hello, "application", SessionMiddleware(hello.app, store))
    yield hello
    store.close()


def test_hello_keeps_its_message_for_this_browser_alone(hello: ModuleType) -> None:
    browser, other = TestApp(hello.application), TestApp(hello.application)
    assert browser.get("/get").text == ""
    assert browser.get("/put").text == "Hello from a session!"
    assert browser.get("/get").text == "Hello from a session!"
    assert other.get("/get").text == ""
    assert other.cookies == {}
    browser.get("/other", status=404)


def test_hello_over_http(hello: ModuleType) -> None:
    with make_server("127.0.0.1", 0, validator(hello.application), handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            with requests.Session() as browser, requests.Session() as other:
                assert browser.get(f"{url}/put", timeout=30).text == "Hello from a session!"
                assert browser.get(f"{url}/get", timeout=30).text == "Hello from a session!"
                assert other.get(f"{url}/get", timeout=30).text == ""
        finally:
            server.shutdown()
            thread.join()


def test_importing_hello_opens_and_creates_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = (ROOT / "examples" / "hello.py").read_text()
    names: dict[str, Any] = {"__name__": "hello"}
    exec(compile(source, "hello.py", "exec"), names)
    assert callable(names["application"])
    assert list(tmp_path.iterdir()) == []
    assert len(source.splitlines()) <= 35


def test_flask_counts_visits(store: ChaiStore) -> None:
    browser = TestApp(create_app(store))
    assert "this is visit 1" in browser.get("/").text
    assert "this is visit 2" in browser.get("/").text


def test_flask_login_renews_the_token_keeps_the_values_and_flashes_once(store: ChaiStore) -> None:
    browser = TestApp(create_app(store))
    browser.get("/")
    before = browser.cookies["session"]
    page = browser.post("/login", {"name": "<Ada>"}).follow()
    assert "Welcome, &lt;Ada&gt;." in page.text
    assert "Hello &lt;Ada&gt;, this is visit 2" in page.text
    assert browser.cookies["session"] != before
    assert "Welcome" not in browser.get("/").text
    intruder = TestApp(create_app(store))
    intruder.set_cookie("session", before)
    assert "Hello stranger, this is visit 1" in intruder.get("/").text


def test_flask_logout_ends_the_session(store: ChaiStore) -> None:
    browser = TestApp(create_app(store))
    browser.post("/login", {"name": "Ada"})
    token = browser.cookies["session"]
    browser.post("/logout")
    assert "session" not in browser.cookies
    browser.set_cookie("session", token)
    assert "Hello stranger, this is visit 1" in browser.get("/").text
