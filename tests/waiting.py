"""How tests wait: for an effect, and while a process does nothing."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T], *, seconds: float = 60.0) -> T:
    """Return what *condition* does as soon as that is true; AssertionError when the time is up."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, f"it did not happen within {seconds:g} s"
        time.sleep(0.02)
    return result


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """The process hangs: it keeps its sockets and answers nothing."""
    os.kill(pid, signal.SIGSTOP)
    try:
        # The signal is on its way when kill() returns; all threads must have got it.
        eventually(lambda: _state(pid).startswith("T"))
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _state(pid: int) -> str:
    return subprocess.check_output(["ps", "-o", "stat=", "-p", str(pid)], text=True)
