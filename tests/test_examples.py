"""The examples do what they say: in process under WebTest, and as programs over HTTP."""

import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server
from wsgiref.validate import validator

import pytest
import requests
from webtest import TestApp

from wsgi_chaisession import ChaiStore, SessionMiddleware

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def directory(shared_dir: Path) -> Path:
    return shared_dir


@pytest.fixture
def store(chai_store: ChaiStore) -> ChaiStore:
    return chai_store


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


FRAMEWORKS = ["bottle", "django", "falcon", "flask", "pyramid"]


@pytest.fixture(params=FRAMEWORKS)
def application(request: pytest.FixtureRequest, store: ChaiStore) -> Any:
    """The same application in each framework, linted between itself and the server."""
    create_app = import_module(f"examples.{request.param}_app").create_app
    return validator(create_app(store))


def test_a_framework_counts_visits(application: Any) -> None:
    browser = TestApp(application)
    assert "this is visit 1" in browser.get("/").text
    assert "this is visit 2" in browser.get("/").text
    assert "this is visit 1" in TestApp(application).get("/").text


def test_a_login_renews_the_token_keeps_the_values_and_flashes_once(application: Any) -> None:
    browser = TestApp(application)
    browser.get("/")
    before = browser.cookies["session"]
    answer = browser.post("/login", {"name": "<Ada>"})
    assert answer.status_int == 303
    page = answer.follow()
    assert "Welcome, &lt;Ada&gt;." in page.text
    assert "Hello &lt;Ada&gt;, this is visit 2" in page.text
    assert browser.cookies["session"] != before
    assert "Welcome" not in browser.get("/").text
    intruder = TestApp(application)
    intruder.set_cookie("session", before)
    assert "Hello stranger, this is visit 1" in intruder.get("/").text


def test_a_logout_ends_the_session(application: Any) -> None:
    browser = TestApp(application)
    browser.post("/login", {"name": "Ada"})
    token = browser.cookies["session"]
    browser.post("/logout")
    assert "session" not in browser.cookies
    browser.set_cookie("session", token)
    assert "Hello stranger, this is visit 1" in browser.get("/").text


def test_a_framework_over_http(application: Any) -> None:
    with make_server("127.0.0.1", 0, application, handler_class=Silent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            url = f"http://127.0.0.1:{server.server_port}"
            with requests.Session() as browser:
                browser.trust_env = False
                assert "visit 1" in browser.get(url, timeout=30).text
                assert (
                    "Hello Ada, this is visit 2"
                    in browser.post(f"{url}/login", {"name": "Ada"}, timeout=30).text
                )
        finally:
            server.shutdown()
            thread.join()
