"""Run a few programs side by side: when one ends, or a signal asks for it, all end.

The process manager that was looked at keeps a helper process and a shell around each program, and loses
children when the signal arrives while they are being started. The demonstration promises to leave nothing
behind, so this is written out: every program leads a session of its own, Ctrl-C in the terminal reaches this
process alone, and what is left of a program's session after its leader is gone is killed.
"""

import contextlib
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Generator, Iterable, Mapping, Sequence
from pathlib import Path

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

News = queue.SimpleQueue[str | None]  # the name of a program that ended; None: a signal asked for the end


@contextlib.contextmanager
def stop_signals() -> Generator[News, None, None]:
    """Turn SIGINT, SIGTERM and SIGHUP into news; ``SimpleQueue.put`` may be called from a signal handler."""
    news: News = queue.SimpleQueue()
    before = {number: signal.signal(number, lambda *_: news.put(None)) for number in STOP_SIGNALS}
    try:
        yield news
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_together(commands: Mapping[str, Sequence[str]], news: News, *, directory: Path, grace: float) -> str:
    """Run ``commands`` until one ends or a signal comes, then end all; return why, "" when it was a signal.

    :param grace: seconds that a program gets between SIGTERM and SIGKILL.
    """
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            children[name] = _start(name, command, directory, news)
        ended = news.get()
    finally:
        _end(children.values(), grace)
    return f"{ended} ended by itself with exit code {children[ended].returncode}" if ended else ""


def _start(name: str, command: Sequence[str], directory: Path, news: News) -> subprocess.Popen[bytes]:
    child = subprocess.Popen(command, cwd=directory, stdin=subprocess.DEVNULL, start_new_session=True)

    def tell_end() -> None:
        child.wait()
        news.put(name)

    threading.Thread(target=tell_end, name=f"waits for {name}", daemon=True).start()
    return child


def _end(children: Iterable[subprocess.Popen[bytes]], grace: float) -> None:
    for child in children:
        child.terminate()
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(grace)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
