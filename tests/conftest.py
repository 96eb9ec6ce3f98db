"""What the tests share: throwaway databases, stores over them, and browsers.

Time stands still in tests of the middleware (`clock`); databases go by their own clock.
"""

import contextlib
import json
import tempfile
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

import wsgi_chaisession
from benchmarks import servers
from chaisql.process import end
from wsgi_chaisession import ChaiStore, Session, SessionMiddleware, Store
from wsgi_chaisession.testing import ManualClock, MemoryStore

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # WebOb imports cgi where that still exists
    from webtest import TestApp

FAR = datetime(9999, 1, 1, tzinfo=UTC)
TestApp.__test__ = False


def server_pid(directory: Path) -> int | None:
    """The chaisqld that serves *directory*, if one does."""
    try:
        return int(json.loads((directory / "chaisqld.json").read_text())["pid"])
    except FileNotFoundError:
        return None


def stop_server(directory: Path) -> None:
    pid = server_pid(directory)
    assert pid is None or end(pid, timeout=15), f"chaisqld {pid} does not stop"


@pytest.fixture
def pid_of() -> Callable[[Path], int]:
    """Which chaisqld serves a directory."""

    def pid_of(directory: Path) -> int:
        pid = server_pid(directory)
        assert pid is not None, f"nobody serves {directory}"
        return pid

    return pid_of


@pytest.fixture
def chai_dir(tmp_path: Path) -> Iterator[Path]:
    """A directory for a database of this test alone; its server is stopped at the end."""
    directory = tmp_path / "chai"
    yield directory
    stop_server(directory)


@pytest.fixture
def store(chai_dir: Path) -> Iterator[ChaiStore]:
    """A store of this test alone. Its first call has to start a server, so it may take longer."""
    store = ChaiStore(chai_dir, timeout=20)
    yield store
    store.close()


@pytest.fixture(scope="session")
def shared_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One database for all tests that leave it as they found it: empty."""
    directory = tmp_path_factory.mktemp("shared") / "chai"
    yield directory
    stop_server(directory)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of this run alone, with an empty database."""
    # Not below pytest's folder, which PostgreSQL's own account may not enter.
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as started:
        Path(folder).chmod(0o711)
        try:
            server = started.enter_context(servers.postgres(Path(folder)))
        except servers.MissingError as missing:
            pytest.skip(str(missing))
        yield f"postgresql://{server.user}@/{server.database}?host={server.socket.parent}"


def emptied(store: ChaiStore) -> Iterator[ChaiStore]:
    store.create_schema()
    store.delete_expired(100_000, FAR)
    yield store
    store.delete_expired(100_000, FAR)
    store.close()


@pytest.fixture
def chai_store(shared_dir: Path) -> Iterator[ChaiStore]:
    """An empty store over the shared database."""
    yield from emptied(ChaiStore(shared_dir, timeout=20))


@pytest.fixture
def pg_store(postgres_url: str) -> Iterator[ChaiStore]:
    """The same store over PostgreSQL."""
    yield from emptied(ChaiStore(postgres_url, timeout=20))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def memory(clock: ManualClock) -> MemoryStore:
    return MemoryStore(clock)


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[ChaiStore]]:
    """The stores that a program of the documentation makes, closed behind it."""
    made: list[ChaiStore] = []

    def make(path: str) -> ChaiStore:
        made.append(ChaiStore(path))
        return made[-1]

    monkeypatch.setattr(wsgi_chaisession, "ChaiStore", make)
    yield made
    for store in made:
        store.close()


class Browser:
    """One visitor. Each request runs a function on the session and keeps what it returned."""

    def __init__(self, site: "Site", **environ: str) -> None:
        self.site = site
        self.http = TestApp(site.wsgi, extra_environ=environ)
        self.result: Any = None

    def do(self, action: Callable[[Session], Any], path: str = "/", **options: Any) -> Any:
        """The response to a request in which *action* ran."""

        def run(session: Session) -> None:
            self.result = action(session)

        self.site.action = run
        return self.http.get(path, **options)

    def put(self, **values: Any) -> Any:
        return self.do(lambda session: session.update(values))

    def get(self, key: str) -> Any:
        self.do(lambda session: session.get(key))
        return self.result

    @property
    def cookie(self) -> str | None:
        """The token in this browser's jar."""
        value: str | None = self.http.cookies.get("session")
        return value.strip('"') if value else None

    @cookie.setter
    def cookie(self, value: str) -> None:
        self.http.set_cookie("session", value)


class Site:
    """An application behind the middleware, WSGI being checked on both sides of it."""

    def __init__(self, store: Store, clock: ManualClock | None = None, **options: Any) -> None:
        self.action: Callable[[Session], None] = lambda session: None
        self.store = store
        self.key = options.get("environ_key", "chaisession.session")
        self.headers: list[tuple[str, str]] = []
        self.status = "200 OK"
        self.middleware = SessionMiddleware(validator(self._app), store, **options)
        if clock is not None:
            self.middleware.clock = clock
        self.wsgi = validator(self.middleware)

    def browser(self, **environ: str) -> Browser:
        return Browser(self, **environ)

    def _app(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        self.action(environ[self.key])
        start_response(self.status, [("Content-Type", "text/plain"), *self.headers])
        return [b"ok"]


@pytest.fixture
def make_site(memory: MemoryStore, clock: ManualClock) -> Callable[..., Site]:
    """A Site with the given middleware options, over memory and a clock that stands still."""
    return lambda **options: Site(memory, clock, **options)


@pytest.fixture
def make_real_site() -> Callable[..., Site]:
    """A Site with the given store and middleware options, in real time."""
    return Site


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    return make_site()


@pytest.fixture
def browser(site: Site) -> Browser:
    return site.browser()


@pytest.fixture
def hour() -> timedelta:
    return timedelta(hours=1)
