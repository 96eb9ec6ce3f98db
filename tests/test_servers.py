"""Real HTTP servers with real clients: several processes, and a database that dies under them."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import requests

APPS = Path(__file__).parent / "fixtureapps"
GUNICORN = ["gunicorn", "--workers=2", "--preload", "--bind=127.0.0.1:0", f"--pythonpath={APPS}"]
THREADS = [*GUNICORN, "--worker-class=gthread", "--threads=4"]
GREENLETS = [*GUNICORN, "--worker-class=gevent"]
WAITRESS = ["waitress", "--listen=127.0.0.1:0", "--threads=4"]
GRANIAN = ["granian", "--interface=wsgi", "--workers=2", "--blocking-threads=4", "--port=PORT"]
UWSGI = [
    *("-c", "import pyuwsgi; pyuwsgi.run()", "--http-socket=127.0.0.1:PORT", "--master", "--processes=2"),
    *("--need-app", "--die-on-term", f"--virtualenv={sys.prefix}", "--module"),
]
# Name: its command, and how many processes must be seen answering.
SERVERS = {
    "gunicorn": (GUNICORN, 2),
    "gthread": (THREADS, 2),
    "gevent": (GREENLETS, 2),
    "waitress": (WAITRESS, 1),
    "granian": (GRANIAN, 2),
    "uwsgi": (UWSGI, 2),
}
PidOf = Callable[[Path], int]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Web:
    """A running web server; *url* once it listens."""

    def __init__(self, argv: list[str], directory: Path, timeout: float) -> None:
        paths = [str(APPS), *filter(None, [os.environ.get("PYTHONPATH")])]
        env = os.environ | {
            "COUNTER_STORE": str(directory),
            "COUNTER_TIMEOUT": str(timeout),
            "PYTHONPATH": os.pathsep.join(paths),
        }
        self.log: list[str] = []
        self._port = free_port()  # for servers that cannot tell which one they got
        self._listening = threading.Event()
        self.process = subprocess.Popen(
            self._command(argv),
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _command(self, argv: list[str]) -> list[str]:
        placed = [argument.replace("PORT", str(self._port)) for argument in argv]
        module = [] if placed[0] == "-c" else ["-m"]
        return [sys.executable, *module, *placed, "counter:application"]

    @property
    def url(self) -> str:
        assert self._listening.wait(60), "".join(self.log)
        found = re.search(r"http://127\.0\.0\.1:\d+", "".join(self.log))
        url = found[0] if found else f"http://127.0.0.1:{self._port}"
        self._wait_for(int(url.rpartition(":")[2]))
        return url

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as client:
                if not client.connect_ex(("127.0.0.1", port)):
                    return
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
            if "127.0.0.1:" in line:
                self._listening.set()
        self._listening.set()  # it has ended; let nobody wait


@contextmanager
def serving(argv: list[str], directory: Path, *, timeout: float = 20) -> Iterator[Web]:
    web = Web(argv, directory, timeout)
    try:
        yield web
    finally:
        web.stop()


class Visitor:
    """A browser that remembers which counts it was shown, and by whom."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.seen: list[int] = []
        self.workers: set[str] = set()
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.headers["Connection"] = "close"  # so that every worker gets its share

    def visit(self, times: int = 1) -> None:
        for _ in range(times):
            response = self._http.get(self.url, timeout=60)
            assert response.status_code == 200, response.text
            count, worker = response.text.split()
            self.seen.append(int(count))
            self.workers.add(worker)

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


@pytest.mark.parametrize("name", SERVERS)
def test_every_visitors_counter_is_exact(chai_dir: Path, name: str) -> None:
    if name == "uwsgi" and find_spec("pyuwsgi") is None:
        pytest.skip("pyuwsgi is not installed (dependency group uwsgi): it may need a C compiler")
    argv, workers = SERVERS[name]
    with serving(argv, chai_dir) as web, visitors(web.url, 4) as people:
        deadline, rounds = time.monotonic() + 60, 0
        while not rounds or len(set().union(*(person.workers for person in people))) < workers:
            assert time.monotonic() < deadline, "one of the workers never answered"
            everybody(people, times=25)
            rounds += 1
        for person in people:
            assert person.seen == list(range(1, 25 * rounds + 1))


def test_nothing_acknowledged_is_lost_when_the_database_is_killed(chai_dir: Path, pid_of: PidOf) -> None:
    killed = threading.Event()

    def kill() -> None:
        for _ in range(3):
            os.kill(pid_of(chai_dir), signal.SIGKILL)
            time.sleep(0.4)  # let traffic flow in between
        killed.set()

    with serving(GUNICORN, chai_dir) as web, visitors(web.url, 4) as people:
        everybody(people, times=5)
        killer = threading.Thread(target=kill)
        killer.start()
        while not killed.is_set():
            everybody(people, times=10)
        killer.join()
        everybody(people, times=5)
        for person in people:
            assert person.seen == list(range(1, len(person.seen) + 1))


def test_a_hanging_database_gives_503_in_time_and_recovers(chai_dir: Path, pid_of: PidOf) -> None:
    with serving(GUNICORN, chai_dir, timeout=1) as web, visitors(web.url, 1) as [person]:
        person.visit(3)
        pid = pid_of(chai_dir)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert person.status() == 503
            assert time.monotonic() - began < 3.5
        finally:
            os.kill(pid, signal.SIGCONT)
        person.visit()
        assert person.seen == [1, 2, 3, 4]
    assert "the store did not answer within 1.0 s" in "".join(web.log)


@pytest.mark.parametrize("preload", [True, False], ids=["preload", "no preload"])
def test_under_gevent_a_hanging_database_stops_nobody_else(
    chai_dir: Path, pid_of: PidOf, preload: bool
) -> None:
    argv = [*GREENLETS, "--workers=1"]
    if not preload:
        argv.remove("--preload")
    with serving(argv, chai_dir, timeout=4) as web, visitors(web.url, 1) as [person]:
        person.visit()
        pid = pid_of(chai_dir)
        os.kill(pid, signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(1) as pool, requests.Session() as stranger:
                stranger.trust_env = False
                waiting = pool.submit(person.status)
                answered = 0
                while not waiting.done():
                    assert stranger.get(f"{web.url}/plain", timeout=60).ok
                    answered += not waiting.done()
                assert waiting.result() == 503
                assert answered >= 10, f"{answered} requests were answered while one waited for 4 s"
        finally:
            os.kill(pid, signal.SIGCONT)
        person.visit()
        assert person.seen == [1, 2]
