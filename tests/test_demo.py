"""The demonstration, visited as a browser visits it."""

import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from chaisql.address import published_address
from demonstration import DEADLINE, ROOT, Demo, answers, demos
from waiting import eventually
from webservers import free_port
from wsgi_chaisession import ChaiStore


def processes_of(directory: Path) -> list[str]:
    """Command lines of all processes whose environment or arguments name the directory."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdecimal() or int(process.name) == os.getpid():
            continue
        try:
            everything = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(directory) in everything:
            found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Demo]]:
    with demos(tmp_path / "db") as start:
        yield start


class Browser:
    """Loads the page and fills its forms."""

    def __init__(self, demo: Demo) -> None:
        self.url = demo.url
        self.http = requests.Session()
        self.page = ""

    def visit(self) -> "Browser":
        self.page = self.http.get(self.url + "/", timeout=30).text
        return self

    def submit(self, action: str, **fields: str) -> "Browser":
        csrf = re.search(rf'action="{action}">\s*<input type="hidden" name="csrf" value="([^"]+)"', self.page)
        assert csrf is not None, f"no form {action} in {self.page}"
        answer = self.http.post(self.url + action, {"csrf": csrf[1], **fields}, timeout=60)
        assert [step.status_code for step in answer.history] == [303]
        self.page = answer.text
        return self

    @property
    def visits(self) -> int:
        return int(self.find(r"<strong>(\d+)</strong>"))

    @property
    def worker(self) -> int:
        return int(self.find(r"web worker</b> pid (\d+)"))

    @property
    def token(self) -> str | None:
        return self.http.cookies.get("session")

    def find(self, pattern: str) -> str:
        found = re.search(pattern, self.page)
        assert found is not None, f"no {pattern} in {self.page}"
        return found[1]


def numbers(demo: Demo) -> Any:
    answer = requests.get(f"{demo.url}/numbers", timeout=30)
    assert "Set-Cookie" not in answer.headers
    return answer.json()


def test_a_visit_to_the_demo(start: Callable[[], Demo]) -> None:
    demo = start()
    browser, other = Browser(demo), Browser(demo)

    workers: set[int] = set()
    visits = itertools.count(1)

    def both_have_answered() -> bool:
        assert browser.visit().visits == next(visits)
        workers.add(browser.worker)
        return len(workers) == 2

    eventually(both_have_answered)
    assert other.visit().visits == 1

    assert (
        "<script>alert(1)</script>" not in browser.submit("/flash", message="<script>alert(1)</script>").page
    )
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in browser.page
    assert "alert(1)" not in browser.visit().page

    before, count = browser.token, browser.visits
    browser.submit("/login", name="Ada")
    assert "Hello, Ada" in browser.page
    assert browser.token != before
    assert browser.visits == count + 1
    old = Browser(demo)
    old.http.cookies.set("session", str(before))
    assert old.visit().visits == 1

    logged_in = browser.token
    browser.submit("/logout")
    assert browser.visits == 1
    old.http.cookies.clear()
    old.http.cookies.set("session", str(logged_in))
    assert "Hello, Ada" not in old.visit().page


def test_the_reaper_is_seen_at_work(start: Callable[[], Demo]) -> None:
    demo = start()
    browser = Browser(demo).visit().submit("/guests")
    assert "Made 50 guest sessions; they expire in 10 seconds" in browser.page
    end_guests(demo.directory)
    eventually(lambda: numbers(demo)["runs"])
    os.kill(part(demo, "reaper"), signal.SIGHUP)  # which begins a run
    eventually(lambda: numbers(demo)["deleted"] == 50)
    assert numbers(demo)["waiting"] == 0
    assert numbers(demo)["lag"] == 0
    assert numbers(demo)["active"] == 1


def end_guests(directory: Path) -> None:
    """Their seconds pass at once."""
    with contextlib.closing(ChaiStore(directory, timeout=20)) as store:
        for key, record in store.all():
            if record.data == b"guest":
                store.commit(key, record.data, datetime.now(UTC))


def test_a_forged_form_changes_nothing(start: Callable[[], Demo]) -> None:
    demo = start()
    browser = Browser(demo).visit()
    for forged in ({}, {"csrf": ""}, {"csrf": "guess"}, {"csrf": "ünïcode"}):
        answer = browser.http.post(f"{demo.url}/login", {"name": "Mallory", **forged}, timeout=30)
        assert answer.status_code == 400
        assert 'role="alert"' in answer.text
    assert "Mallory" not in browser.visit().page
    assert browser.visits == 2


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_whole_and_finds_its_sessions_again(start: Callable[[], Demo], signal_number: int) -> None:
    demo = start()
    browser = Browser(demo).visit().visit()
    code, output = demo.end(signal_number)
    assert code == 0, output
    assert "Traceback" not in output
    assert output.endswith("The demo has ended; its sessions are kept.\n")
    assert processes_of(demo.directory) == []
    assert not answers(demo.url)

    browser.url = start().url
    assert browser.visit().visits == 3


MOMENTS: dict[str, Callable[[Demo], object]] = {
    "Python starts": lambda _demo: True,
    "the database is made": lambda demo: demo.directory.exists(),
    "the database is served": lambda demo: published_address(demo.directory).pid,
    "the programs start": lambda demo: children(demo.process.pid),
    "the web server listens": lambda demo: listens(demo.port),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_ending_it_while_it_starts_leaves_nothing_behind(tmp_path: Path, moment: str) -> None:
    demo = Demo(tmp_path / "db", free_port())
    try:
        eventually(lambda: MOMENTS[moment](demo))
        demo.end(signal.SIGINT)
    finally:
        if demo.process.poll() is None:
            demo.end(signal.SIGTERM)
    assert processes_of(tmp_path) == []


def part(demo: Demo, module: str) -> int:
    """The process of one of the demonstration's programs, once it is there."""

    def found() -> list[int]:
        everybody = children(demo.process.pid)
        return [pid for pid in everybody if f"\0{module}\0" in Path(f"/proc/{pid}/cmdline").read_text()]

    (pid,) = eventually(found)
    return pid


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_a_killed_database_server_is_replaced(start: Callable[[], Demo]) -> None:
    demo = start()
    browser = Browser(demo).visit().visit()
    pid = published_address(demo.directory).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert browser.visit().visits == 3
    assert published_address(demo.directory).pid != pid


@pytest.mark.parametrize("victim", ["gunicorn", "reaper"])
def test_when_one_part_dies_all_end(start: Callable[[], Demo], victim: str) -> None:
    demo = start()
    Browser(demo).visit()
    os.kill(part(demo, victim), signal.SIGKILL)
    output, _ = demo.process.communicate(timeout=DEADLINE)
    assert demo.process.returncode == 1
    assert "ended by itself with exit code -9" in output
    assert processes_of(demo.directory) == []


def test_a_taken_port_is_one_clear_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = Demo(tmp_path / "db", port)
        output, _ = demo.process.communicate(timeout=DEADLINE)
    assert demo.process.returncode == 1
    assert output == (
        f"demo: cannot listen on 127.0.0.1:{port} (Address already in use): "
        f"choose another port, such as PORT={port + 1} make demo\n"
    )
    assert not (tmp_path / "db").exists()


def test_an_impossible_port_is_one_clear_line(tmp_path: Path) -> None:
    environment = {**os.environ, "PORT": "http", "DEMO_DIR": str(tmp_path / "db")}
    command = [sys.executable, "-m", "examples.demo"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "demo: PORT is 'http': it must be a number from 1 to 65535\n"
