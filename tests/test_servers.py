"""Real HTTP servers with real clients: several processes, and a database that dies under them."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from waiting import eventually, stopped
from webservers import GREENLETS, GUNICORN, Visitor, everybody, serving, visit_all_workers, visitors

THREADS = [*GUNICORN, "--worker-class=gthread", "--threads=4"]
WAITRESS = ["waitress", "--listen=127.0.0.1:0", "--threads=4"]
GRANIAN = ["granian", "--interface=wsgi", "--workers=2", "--blocking-threads=4", "--port=PORT"]
# Without --lazy-apps the application is imported once, before the workers are forked.
UWSGI = [
    *("-c", "import pyuwsgi; pyuwsgi.run()", "--http-socket=127.0.0.1:0", "--master", "--processes=2"),
    *("--need-app", "--die-on-term", f"--virtualenv={sys.prefix}", "--module"),
]
# Name: its command, how many processes must be seen answering, whether they were forked with the app in them.
SERVERS = {
    "gunicorn": (GUNICORN, 2, True),
    "gthread": (THREADS, 2, True),
    "gevent": (GREENLETS, 2, True),
    "waitress": (WAITRESS, 1, False),
    "granian": (GRANIAN, 2, False),
    "uwsgi": (UWSGI, 2, True),
}
PidOf = Callable[[Path], int]


@pytest.mark.parametrize("name", SERVERS)
def test_every_visitors_counter_is_exact(chai_dir: Path, name: str) -> None:
    argv, workers, forked = SERVERS[name]
    with serving(argv, chai_dir) as web:
        visit_all_workers(web.url, workers, forked=forked)


def test_nothing_acknowledged_is_lost_when_the_database_is_killed(chai_dir: Path, pid_of: PidOf) -> None:
    killed = threading.Event()

    def kill(people: list[Visitor]) -> None:
        for _ in range(3):
            seen = visits(people)
            os.kill(pid_of(chai_dir), signal.SIGKILL)
            eventually(lambda: visits(people) > seen + 20)  # noqa: B023 - let traffic flow in between
        killed.set()

    def visits(people: list[Visitor]) -> int:
        return sum(len(person.seen) for person in people)

    with serving(GUNICORN, chai_dir) as web, visitors(web.url, 4) as people:
        everybody(people, times=5)
        killer = threading.Thread(target=kill, args=(people,))
        killer.start()
        while killer.is_alive():
            everybody(people, times=10)
        killer.join()
        assert killed.is_set()
        everybody(people, times=5)
        for person in people:
            assert person.seen == list(range(1, len(person.seen) + 1))


def test_a_hanging_database_gives_503_in_time_and_recovers(chai_dir: Path, pid_of: PidOf) -> None:
    with serving(GUNICORN, chai_dir, timeout=2) as web, visitors(web.url, 1) as [person]:
        person.visit(3)
        with stopped(pid_of(chai_dir)):
            began = time.monotonic()
            assert person.status() == 503
            assert time.monotonic() - began < 30
        person.visit()
        assert person.seen == [1, 2, 3, 4]
    assert "the store did not answer within 2.0 s" in "".join(web.log)
