"""Start a server process and wait until it says that it is ready."""

import contextlib
import enum
import errno
import os
import selectors
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from chaisql import environment
from chaisql.errors import ServerError
from chaisql.locate import find_server

READY = b"ready\n"
# How long a process that gave up its ready pipe may take to end.
ENDING_SECONDS = 5.0
# How often somebody who waits for a server looks whether another one is there by now.
LOOK_SECONDS = 0.05
# A shell between us and the server: when it ends, the server is no child of ours, so that it never becomes
# our zombie nor meets the host's SIGCHLD handling. Forking twice ourselves would be unsafe beside threads.
# The shell stays only until told: `wait` makes it hand on the exit code of a server that died.
DETACH = '"$@" 3>&1 1>&2 </dev/null & exec 1>&2; read -r word; [ "$word" = wait ] && wait $!'


class Outcome(enum.Enum):
    READY = enum.auto()
    DIED = enum.auto()
    LATE = enum.auto()
    ELSEWHERE = enum.auto()


@dataclass(frozen=True, kw_only=True)
class Start:
    """How a start went; *exit_code* is minus the signal's number when one ended the server."""

    outcome: Outcome
    exit_code: int | None = None


def check_seconds(name: str, value: float | None) -> None:
    if value is not None and not 0 < value < float("inf"):
        raise ValueError(f"{name} must be a positive number of seconds, not {value!r}")


def command_line(
    directory: Path | str,
    *,
    socket_dir: Path,
    idle_exit: float | None = None,
    options: Sequence[str] = (),
) -> list[str]:
    """The command that serves *directory*; *idle_exit* in seconds, None never exits by itself."""
    argv = [find_server(), "serve", "--dir", str(directory), "--socket-dir", str(socket_dir), *options]
    if idle_exit is not None:
        argv += ["--idle-exit", f"{idle_exit:.3f}s"]
    return argv


def start_detached(
    argv: Sequence[str], *, log: BinaryIO, timeout: float, elsewhere: Callable[[], bool] = lambda: False
) -> Start:
    """Run *argv* so that it outlives this process, and wait until it is ready.

    :param log: becomes its standard error.
    :param timeout: seconds until its start counts as late; it is then left to itself.
    :param elsewhere: whether there is a server by now; then this one is left to itself as well.
    """
    shell = _popen(
        ["/bin/sh", "-c", DETACH, "chaisqld", *argv, "--ready-fd", "3"], log, stdout=subprocess.PIPE
    )
    assert shell.stdin is not None and shell.stdout is not None  # noqa: S101, PT018 - for the type checkers
    with shell.stdin, shell.stdout:
        outcome = wait_ready(shell.stdout.fileno(), timeout=timeout, elsewhere=elsewhere)
        with contextlib.suppress(BrokenPipeError):
            shell.stdin.write(b"wait\n" if outcome is Outcome.DIED else b"go\n")
    code = _exit_code(shell)
    return Start(outcome=outcome, exit_code=code if outcome is Outcome.DIED else None)


def start_child(argv: Sequence[str], *, log: BinaryIO, ready: int) -> "subprocess.Popen[bytes]":
    """Run *argv* as a child of this process.

    :param log: becomes its standard error.
    :param ready: the descriptor that it says on that it is ready.
    """
    return _popen([*argv, "--ready-fd", str(ready)], log, pass_fds=(ready,), stdin=subprocess.DEVNULL)


def uninterrupted(work: Callable[[], None]) -> None:
    """Do *work* all or not at all, even when Ctrl-C comes meanwhile; KeyboardInterrupt is raised afterwards.

    Signal handlers run in the main thread alone, so another one does the work.
    """
    gate = threading.Lock()
    result: Future[None] = Future()

    def run() -> None:
        with gate:
            if not result.set_running_or_notify_cancel():
                return
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
                result.set_exception(error)
            else:
                result.set_result(None)

    try:
        threading.Thread(target=run).start()
        result.result()
    finally:
        with gate:  # waits for work that has begun, and lets none begin later
            result.cancel()


def wait_ready(descriptor: int, *, timeout: float, elsewhere: Callable[[], bool] = lambda: False) -> Outcome:
    """Wait for the line `ready`; the pipe's end without it means that the server died.

    A server that waits for a lock says nothing, though its holder may serve already: *elsewhere* tells.
    """
    deadline = time.monotonic() + timeout
    data = b""
    with selectors.DefaultSelector() as selector:
        selector.register(descriptor, selectors.EVENT_READ)
        while READY not in data:
            if not selector.select(max(0.0, min(LOOK_SECONDS, deadline - time.monotonic()))):
                if elsewhere():
                    return Outcome.ELSEWHERE
                if time.monotonic() >= deadline:
                    return Outcome.LATE
                continue
            if not (part := os.read(descriptor, 64)):
                return Outcome.DIED
            data = data[-len(READY) :] + part
    return Outcome.READY


def _popen(
    argv: Sequence[str],
    log: BinaryIO,
    *,
    stdin: int = subprocess.PIPE,
    stdout: int | None = None,
    pass_fds: tuple[int, ...] = (),
) -> "subprocess.Popen[bytes]":
    """A process in a session of its own, so that Ctrl-C at our terminal is not its business."""
    try:
        return subprocess.Popen(
            argv,
            bufsize=0,
            stdin=stdin,
            stdout=log if stdout is None else stdout,
            stderr=log,
            pass_fds=pass_fds,
            cwd="/",
            env=environment.of_servers(),
            start_new_session=True,
        )
    except OSError as error:
        raise ServerError(
            f"cannot run {argv[0]}: {error.strerror}",
            path=argv[0],
            permanent=error.errno in {errno.EACCES, errno.ENOENT, errno.ENOEXEC},
        ) from error


def _exit_code(shell: "subprocess.Popen[bytes]") -> int | None:
    try:
        code = shell.wait(timeout=ENDING_SECONDS)
    except subprocess.TimeoutExpired:  # it closed its ready pipe and runs on
        shell.kill()
        shell.wait()
        return None
    return 128 - code if code > 128 else code
