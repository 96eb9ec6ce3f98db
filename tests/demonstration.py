"""The demonstration, started as ``make demo`` starts it."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from chaisql.cli import main as chaisql_main
from waiting import eventually
from webservers import free_port

ROOT = Path(__file__).resolve().parents[1]
DEADLINE = 60.0


class Demo:
    """One start of the demonstration, in a process group as a terminal would make it."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        environment = {**os.environ, "PORT": str(port), "DEMO_DIR": str(directory), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "examples.demo"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def wait_until_it_answers(self) -> None:
        eventually(lambda: self.process.poll() is not None or answers(f"{self.url}/numbers"))
        assert self.process.poll() is None, self.process.communicate()[0]

    def end(self, signal_number: int = signal.SIGINT) -> tuple[int, str]:
        os.killpg(self.process.pid, signal_number)  # Ctrl-C reaches the terminal's whole process group
        output, _ = self.process.communicate(timeout=DEADLINE)
        return self.process.returncode, output


@contextmanager
def demos(directory: Path) -> Iterator[Callable[..., Demo]]:
    """Starts the demonstration, once or again; ends what still runs."""
    started: list[Demo] = []

    def start(port: int | None = None) -> Demo:
        started.append(Demo(directory, port or free_port()))
        started[-1].wait_until_it_answers()
        return started[-1]

    try:
        yield start
    finally:
        for demo in started:
            if demo.process.poll() is None:
                demo.end(signal.SIGTERM)
        if directory.is_dir():
            chaisql_main(["stop", str(directory)])


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=10).ok
    except (requests.ConnectionError, requests.Timeout):
        return False
