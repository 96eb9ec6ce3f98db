"""Real web servers around ``fixtureapps``, and the visitors that count what they are shown."""

import os
import re
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import requests

APPS = Path(__file__).parent / "fixtureapps"
GUNICORN = ["gunicorn", "--workers=2", "--preload", "--bind=127.0.0.1:0", f"--pythonpath={APPS}"]
GREENLETS = [*GUNICORN, "--worker-class=gevent"]


def free_port() -> int:
    """A port for a server that cannot find one by itself.

    None of those that the kernel gives to whoever asks for any, as all of our other tests do: it would
    be somebody's before the server has it.
    """
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Web:
    """A running web server; *url* once it listens, which is at *port* unless it says where."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], port: int) -> None:
        self.log: list[str] = []
        self._port = port
        self.process = subprocess.Popen(
            command, env={**os.environ, **env}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def url(self) -> str:
        deadline = time.monotonic() + 60
        while True:
            found = re.search(r"(?:(https?)://|TCP address )127\.0\.0\.1:(\d+)", "".join(self.log))
            scheme, port = found.groups() if found else ("http", self._port)
            url = f"{scheme or 'http'}://127.0.0.1:{port}"
            with socket.socket() as client:
                if not client.connect_ex(("127.0.0.1", int(url.rpartition(":")[2]))):
                    return url
            assert self.process.poll() is None, "".join(self.log)
            assert time.monotonic() < deadline, "".join(self.log)
            time.sleep(0.02)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reader.join(20)
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.log.append(line)


@contextmanager
def running(command: Sequence[str], env: Mapping[str, str], port: int) -> Iterator[Web]:
    web = Web(command, env, port)
    try:
        yield web
    finally:
        web.stop()


@contextmanager
def serving(
    argv: Sequence[str], directory: Path, *, app: str = "counter", timeout: float = 20, **env: str
) -> Iterator[Web]:
    """A fixture app under a server that is a Python module, or code after ``-c``; PORT becomes a free one."""
    port = free_port()
    module = [] if argv[0] == "-c" else ["-m"]
    placed = [argument.replace("PORT", str(port)) for argument in argv]
    settings = {
        "APP_STORE": str(directory),
        "APP_TIMEOUT": str(timeout),
        "PYTHONPATH": os.pathsep.join([str(APPS), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    with running([sys.executable, *module, *placed, f"{app}:application"], settings | env, port) as web:
        yield web


class Visitor:
    """A browser that remembers which counts it was shown, and by whom.

    A place is a process and its database connection: "pid/number".
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[int] = []
        self.places: set[str] = set()
        self.imported: set[str] = set()
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Connection"] = "close"  # so that every worker gets its share

    def visit(self, times: int = 1) -> None:
        for _ in range(times):
            response = self._http.get(self.url, timeout=60)
            assert response.status_code == 200, response.text
            count, place, imported = response.text.split()
            self.seen.append(int(count))
            self.places.add(place)
            self.imported.add(imported)

    @property
    def workers(self) -> set[str]:
        return {place.partition("/")[0] for place in self.places}

    def status(self) -> int:
        return self._http.get(self.url, timeout=60).status_code

    def close(self) -> None:
        self._http.close()


@contextmanager
def visitors(url: str, number: int) -> Iterator[list[Visitor]]:
    people = [Visitor(url) for _ in range(number)]
    try:
        yield people
    finally:
        for person in people:
            person.close()


def everybody(people: list[Visitor], times: int) -> None:
    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(lambda person: person.visit(times), people))


def visit_all_workers(url: str, workers: int, *, forked: bool) -> None:
    """Four people visit at once until *workers* processes have answered, and nobody miscounts.

    No database connection is seen in two processes: not in two workers, nor in one and where it was forked.

    :param forked: whether the application was imported by one process, which is none of the workers.
    """
    with visitors(url, 4) as people:
        deadline, rounds = time.monotonic() + 60, 0
        while not rounds or len(set().union(*(person.workers for person in people))) < workers:
            assert time.monotonic() < deadline, "one of the workers never answered"
            everybody(people, times=25)
            rounds += 1
        for person in people:
            assert person.seen == list(range(1, 25 * rounds + 1))
        imported = set().union(*(person.imported for person in people))
        places = set().union(*(person.places for person in people))
    assert (len(imported) == 1 and not imported & places) if forked else imported <= places
    connections = [place.partition("/")[2] for place in places | imported]
    assert len(connections) == len(set(connections)), f"a shared connection among {places | imported}"
