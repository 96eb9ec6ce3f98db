"""Under gevent a request that waits for the database lets the others go on, whatever it waits for."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest
import requests

from chaisql import find_server
from waiting import stopped
from webservers import GREENLETS, Web, everybody, serving, visitors

PidOf = Callable[[Path], int]
T = TypeVar("T")
# Only one worker, so that the others' requests meet the greenlet that waits. Whatever a preloading server has
# imported by the time it patches the standard library keeps the unpatched names that it took from there.
ONE = [*GREENLETS, "--workers=1"]
# Answers while somebody waits: hundreds on an idle machine, and none when the worker hangs.
SOME = 3
FRESH = [argument for argument in ONE if argument != "--preload"]


def answered_while(web: Web, waiting: Callable[[], T]) -> tuple[int, T]:
    """How many requests of others were answered during *waiting*, and what that returned."""
    with ThreadPoolExecutor(1) as pool, requests.Session() as stranger:
        stranger.trust_env = False
        answer: Future[T] = pool.submit(waiting)
        answered = 0
        while not answer.done():
            assert stranger.get(f"{web.url}/plain", timeout=60).ok
            answered += not answer.done()
        return answered, answer.result()


@pytest.mark.parametrize(
    ("argv", "known"),
    [
        pytest.param(ONE, True, id="preload, old connection"),
        pytest.param(ONE, False, id="preload, new connection"),
        pytest.param(FRESH, False, id="no preload, new connection"),
    ],
)
def test_a_hanging_database_stops_nobody_else(
    chai_dir: Path, pid_of: PidOf, argv: list[str], known: bool
) -> None:
    with serving(argv, chai_dir, timeout=2) as web, visitors(web.url, 1) as [person]:
        person.visit()
        if not known:
            assert requests.get(f"{web.url}/hang-up", timeout=60).ok
        with stopped(pid_of(chai_dir)):
            answered, status = answered_while(web, person.status)
        assert status == 503, "".join(web.log)
        assert answered >= SOME, f"{answered} requests were answered while one waited for 2 s"
        person.visit()
        assert person.seen == [1, 2]


def test_more_who_wait_than_connections_stop_nobody_else(chai_dir: Path, pid_of: PidOf) -> None:
    with serving(ONE, chai_dir, timeout=2) as web, visitors(web.url, 15) as crowd:
        everybody(crowd, 1)
        with stopped(pid_of(chai_dir)), ThreadPoolExecutor(len(crowd)) as pool:
            answered, statuses = answered_while(
                web, lambda: list(pool.map(lambda person: person.status(), crowd))
            )
        assert statuses == [503] * 15
        assert answered >= SOME, f"{answered} requests were answered while 15 waited for 10 connections"
        everybody(crowd, 1)
        assert [person.seen for person in crowd] == [[1, 2]] * 15


def test_a_slow_start_of_the_database_stops_nobody_else(
    chai_dir: Path, tmp_path: Path, pid_of: PidOf
) -> None:
    slow = tmp_path / "slow-chaisqld"
    slow.write_text(f'#!/bin/sh\n[ ! -e "{tmp_path}/slowly" ] || sleep 2\nexec "{find_server()}" "$@"\n')
    slow.chmod(0o755)
    with serving(ONE, chai_dir, CHAISQL_SERVER=str(slow)) as web, visitors(web.url, 1) as [person]:
        person.visit()
        (tmp_path / "slowly").touch()
        os.kill(pid_of(chai_dir), signal.SIGKILL)
        answered, status = answered_while(web, person.status)
        assert status == 200
        assert answered >= SOME, f"{answered} requests were answered while the database started for 2 s"
        person.visit()
        assert person.seen == [1, 3]
