"""What a session adds to a request: nothing touched, read only; beside other middlewares' reads.

Run `python -m benchmarks.request_cost`, or with `--quick` to see that everything works.

Requests are calls of the WSGI application in this process, so that no HTTP server's time is in them. Each
contender is its application with sessions less the same application without. Two figures matter here: what a
request pays that touches no session, and what one that reads pays beyond the store's own find. The peers are
measured as their users have them: Beaker's middleware over files, Flask-Session over Redis, Django's sessions
in SQLite. One that is not installed is left out, and said so.

Between two requests this process is busy for a while, as an HTTP server would be. Without that a database is
asked again before it has gone to sleep and answers the quicker the sooner it is asked, so that a few
microseconds more of the middleware's would count several times.

After a wait for a server the processor has gone to sleep or done other work, and the same instructions take
several times as long. How much that is shows a find followed by a read from memory, which asks no server.
"""

import contextlib
import importlib
import io
import json
import random
import statistics
import tempfile
import time
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from operator import sub
from pathlib import Path
from typing import Any

import click

from benchmarks import servers
from chaisql.address import published_address
from chaisql.process import end
from wsgi_chaisession import ChaiStore, SessionMiddleware, Store, tokens
from wsgi_chaisession.testing import MemoryStore

Call = Callable[[], object]

EMPTY = io.BytesIO()
BARE, UNTOUCHED = "bare app", "untouched session"
FIND, READ = "bare app and a find", "session read"
FIND_THEN_MEMORY = "a find, then memory"
MEMORY_FIND, MEMORY_READ = "bare app and a find, memory", "session read, memory"
BEAKER, FLASK, DJANGO = "Beaker, files", "Flask-Session, Redis", "Django, SQLite"
FLASK_BARE, DJANGO_BARE = "Flask without a session", "Django without a session"
# What is reported: the first less the second, in the same round.
DIFFERENCES = (
    (UNTOUCHED, BARE),
    (READ, BARE),
    (READ, FIND),
    (FIND_THEN_MEMORY, FIND),
    (READ, FIND_THEN_MEMORY),
    (MEMORY_READ, MEMORY_FIND),
    (BEAKER, BARE),
    (FLASK, FLASK_BARE),
    (DJANGO, DJANGO_BARE),
)


@dataclass
class Contender:
    """One way to handle a request, and its median of each round in microseconds."""

    name: str
    call: Call
    medians: list[float] = field(default_factory=list)

    def run(self, times: int, pause: int, clock: Callable[[], int]) -> None:
        taken = []
        for _ in range(times):
            be_busy(pause)
            start = clock()
            self.call()
            taken.append(clock() - start)
        self.medians.append(statistics.median(taken) / 1000)


def be_busy(microseconds: int) -> None:
    """Use the processor, as work does; to sleep would let it slow down."""
    until = time.perf_counter_ns() + microseconds * 1000
    while time.perf_counter_ns() < until:
        pass


def request(app: Any, cookie: str | None = None) -> tuple[str | None, bytes]:
    """Handle one GET; the cookie that was set, and the body."""
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "wsgi.url_scheme": "http",
        "wsgi.input": EMPTY,
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    headers: list[tuple[str, str]] = []

    def start_response(status: str, given: list[tuple[str, str]], *_: Any) -> None:
        if not status.startswith("200"):
            raise click.ClickException(f"a request was answered with {status}")
        headers.extend(given)

    body = app(environ, start_response)
    content = b"".join(body)
    close = getattr(body, "close", None)
    if close is not None:
        close()
    set_cookie = {name.lower(): value for name, value in headers}.get("set-cookie")
    return set_cookie and set_cookie.partition(";")[0], content


def reading(app: Any) -> Call:
    """Requests of a client that has a session already; the first one made it."""
    cookie, _ = request(app)
    _, body = request(app, cookie)
    if body != b"2":
        raise click.ClickException(f"the session was not read: {body!r}")
    return lambda: request(app, cookie)


def session_app(key: str) -> Any:
    """Put once, then read."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        session = environ[key]
        if "n" in session:
            body = str(session["n"] + 1).encode()
        else:
            session["n"], body = 1, b"1"
            if hasattr(session, "save"):
                session.save()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    return app


def bare_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:  # noqa: ARG001 - WSGI's
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"1"]


def finding_app(store: Store, key: str) -> Any:
    """What nobody could do without: the application asks the store itself."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if store.find(key) is None:
            raise click.ClickException("the session has gone")
        return bare_app(environ, start_response)

    return app


def ours(store: ChaiStore) -> Iterator[Contender]:
    app = SessionMiddleware(session_app("chaisession.session"), store, store_timeout=store.timeout)
    cookie, _ = request(app)
    if cookie is None:
        raise click.ClickException("no session was made")
    untouched = SessionMiddleware(bare_app, store)
    finding = finding_app(store, tokens.hash_token(cookie.partition("=")[2]))
    yield Contender(BARE, lambda: request(bare_app, cookie))
    yield Contender(UNTOUCHED, lambda: request(untouched, cookie))
    yield Contender(FIND, lambda: request(finding, cookie))
    yield Contender(READ, reading(app))


def in_memory() -> Iterator[Contender]:
    """What is the middleware's own, with caches that no wait for a server has cooled."""
    store = MemoryStore()
    app = SessionMiddleware(session_app("chaisession.session"), store)
    app.clock = store.clock
    yield Contender(MEMORY_READ, reading(app))
    [(key, _)] = store.all()
    finding = finding_app(store, key)
    yield Contender(MEMORY_FIND, lambda: request(finding))


def beaker(folder: Path, started: contextlib.ExitStack) -> Iterator[Contender]:  # noqa: ARG001 - all alike
    middleware = importlib.import_module("beaker.middleware").SessionMiddleware
    options = {"session.type": "file", "session.data_dir": str(folder), "session.data_serializer": "json"}
    yield Contender(BEAKER, reading(middleware(session_app("beaker.session"), options)))


def flask_session(folder: Path, started: contextlib.ExitStack) -> Iterator[Contender]:
    flask = importlib.import_module("flask")
    sessions = importlib.import_module("flask_session")
    redis = importlib.import_module("redis")
    plain, app = flask.Flask("plain"), flask.Flask("sessions")
    plain.add_url_rule("/", view_func=lambda: "1")

    def view() -> str:
        if "n" in flask.session:
            return str(flask.session["n"] + 1)
        flask.session["n"] = 1
        return "1"

    app.add_url_rule("/", view_func=view)
    server = started.enter_context(servers.redis_server(folder))
    client = redis.Redis(unix_socket_path=str(server.socket))
    app.config.update(SESSION_TYPE="redis", SESSION_REDIS=client, SESSION_REFRESH_EACH_REQUEST=False)
    sessions.Session(app)
    yield Contender(FLASK_BARE, lambda: request(plain))
    yield Contender(FLASK, reading(app))


def django(folder: Path, started: contextlib.ExitStack) -> Iterator[Contender]:  # noqa: ARG001 - as above
    conf = importlib.import_module("django.conf").settings
    http = importlib.import_module("django.http")
    urls = types.ModuleType("urls")
    databases = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "db.sqlite3")}}
    conf.configure(
        SECRET_KEY="x" * 50,
        ALLOWED_HOSTS=["*"],
        DATABASES=databases,
        INSTALLED_APPS=["django.contrib.sessions"],
        MIDDLEWARE=[],
        ROOT_URLCONF=urls,
        USE_TZ=True,
    )
    importlib.import_module("django").setup()
    importlib.import_module("django.core.management").call_command("migrate", verbosity=0)
    handler = importlib.import_module("django.core.handlers.wsgi").WSGIHandler

    def view(request: Any) -> Any:
        if not hasattr(request, "session"):
            return http.HttpResponse("1")
        if "n" in request.session:
            return http.HttpResponse(str(request.session["n"] + 1))
        request.session["n"] = 1
        return http.HttpResponse("1")

    urls.__dict__["urlpatterns"] = [importlib.import_module("django.urls").path("", view)]
    plain = handler()
    conf.MIDDLEWARE = ["django.contrib.sessions.middleware.SessionMiddleware"]
    yield Contender(DJANGO_BARE, lambda: request(plain))
    yield Contender(DJANGO, reading(handler()))


def contenders(folder: Path, store: ChaiStore, started: contextlib.ExitStack) -> Iterator[Contender]:
    """Everybody whose parts are installed; what they start ends with *started*."""
    own = {contender.name: contender for contender in (*ours(store), *in_memory())}
    yield from own.values()
    find, read = own[FIND].call, own[MEMORY_READ].call
    yield Contender(FIND_THEN_MEMORY, lambda: (find(), read()))
    for name, peer in (("Beaker", beaker), ("Flask-Session", flask_session), ("Django", django)):
        place = folder / name
        place.mkdir()
        try:
            yield from peer(place, started)
        except (ImportError, servers.MissingError) as missing:
            click.echo(f"without {name}: {missing}", err=True)


def measure(
    folder: Path, *, rounds: int, operations: int, pause: int, clock: Callable[[], int]
) -> dict[str, list[float]]:
    """Rounds in which every contender has its turn, in an order by lot; the first is to warm up."""
    store = ChaiStore(folder / "chai", timeout=30)
    with contextlib.closing(store), contextlib.ExitStack() as started:
        everybody = list(contenders(folder, store, started))
        for _ in range(rounds + 1):
            for contender in random.sample(everybody, len(everybody)):
                contender.run(operations, pause, clock)
    return {contender.name: contender.medians[1:] for contender in everybody}


def differences(medians: dict[str, list[float]]) -> dict[str, float]:
    return {
        f"{more} - {less}": statistics.median(map(sub, medians[more], medians[less]))
        for more, less in DIFFERENCES
        if {more, less} <= medians.keys()
    }


@click.command()
@click.option("--folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default="/var/tmp")  # noqa: S108 - a folder of its own is made there
@click.option("--rounds", type=click.IntRange(1), default=30, show_default=True)
@click.option("--operations", type=click.IntRange(1), default=500, show_default=True, help="In each round.")
@click.option(
    "--pause",
    type=click.IntRange(0),
    default=200,
    show_default=True,
    help="Microseconds of other work before each.",
)
@click.option(
    "--json", "report", type=click.Path(path_type=Path), help="Write what was measured to this file."
)
@click.option("--cpu", is_flag=True, help="This process's own processor time, without its waits for servers.")
@click.option("--quick", is_flag=True, help="One short round, to see that everything works.")
def main(
    folder: Path, *, rounds: int, operations: int, pause: int, report: Path | None, cpu: bool, quick: bool
) -> None:
    """Measure what a session adds to a request."""
    if quick:
        rounds, operations = 1, 20
    with tempfile.TemporaryDirectory(dir=folder) as place:
        clock = time.process_time_ns if cpu else time.perf_counter_ns
        medians = measure(Path(place), rounds=rounds, operations=operations, pause=pause, clock=clock)
        if (pid := published_address(Path(place) / "chai").pid) is not None:
            end(pid, timeout=15)
    added = differences(medians)
    for name, values in medians.items():
        click.echo(f"{name:28}{statistics.median(values):9.1f} µs")
    for name, value in added.items():
        click.echo(f"{name:58}{value:+9.1f} µs")
    if report:
        content = {"medians": medians, "differences": added}
        report.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
