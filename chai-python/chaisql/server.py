"""A server under its caller's care: for tests, and for programs that supervise one."""

import contextlib
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlencode

from psycopg.conninfo import make_conninfo

from chaisql import logfile
from chaisql.address import Address, choose_socket_dir, private_folder, published_address
from chaisql.deadline import Deadline
from chaisql.dial import Connection, dial, parameters
from chaisql.directory import START_LOCK, prepare, resolve, start_lock
from chaisql.discovery import check_start
from chaisql.errors import ServerError
from chaisql.launch import (
    ENDING_SECONDS,
    Outcome,
    Start,
    check_seconds,
    command_line,
    start_child,
    uninterrupted,
    wait_ready,
)
from chaisql.probe import Presence, ask
from chaisql.target import MEMORY, TargetKind, target_kind

logger = logging.getLogger("chaisql")


class Server:
    """`chaisqld` as a child of this process, from `start()` to `stop()` or over a `with` block.

    :param directory: the database directory, or `":memory:"`.
    :param idle_exit: seconds without connections after which it ends itself; None never.
    :param start_timeout: seconds until it must be ready.
    :param max_connections: connections that it takes at once; None leaves that to the server.
    :param log_level: debug, info, warn or error; the log is `chaisqld.log` in the directory.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        idle_exit: float | None = None,
        start_timeout: float = 30.0,
        max_connections: int | None = None,
        log_level: str = "info",
    ) -> None:
        check_seconds("idle_exit", idle_exit)
        check_seconds("start_timeout", start_timeout)
        kind = target_kind(directory)
        if kind is TargetKind.URL:
            raise ValueError("a server needs a directory of its own, not a URL")
        self.directory: Path | str = MEMORY if kind is TargetKind.MEMORY else resolve(os.fspath(directory))
        self._idle_exit = idle_exit
        self._start_timeout = start_timeout
        self._options = ["--log-level", log_level]
        if max_connections is not None:
            self._options += ["--max-connections", str(max_connections)]
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._address: Address | None = None

    def start(self) -> Self:
        """Start it and return when it can be connected to."""
        if self._process is not None:
            raise ServerError(f"the server of {self.directory} was started already", path=str(self.directory))
        deadline = Deadline(self._start_timeout)
        if isinstance(self.directory, Path):
            self._start_alone(self.directory, deadline)
        else:
            self._start_in_memory(deadline)
        return self

    def stop(self, *, timeout: float = 15.0) -> None:
        """Let it finish what runs and wait for its end; it is killed after *timeout* seconds.

        Does nothing when it is not started, or in a process that was forked from the one that started it.
        """
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.terminate()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            logger.warning("chaisqld %d did not stop within %.1f s: killing it", process.pid, timeout)
            process.kill()
            process.wait()
        finally:
            if self.directory == MEMORY:
                shutil.rmtree(self.address.socket_dir, ignore_errors=True)

    @property
    def pid(self) -> int | None:
        """Its process; None when it does not run."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    @property
    def address(self) -> Address:
        if self._address is None:
            raise ServerError(f"the server of {self.directory} is not started", path=str(self.directory))
        return self._address

    @property
    def conninfo(self) -> str:
        """Its address as libpq's `keyword=value` text."""
        return make_conninfo(**parameters(self.address))

    @property
    def dsn(self) -> str:
        """Its address as a `postgresql://` URL."""
        where = parameters(self.address)
        return f"postgresql:///{where.pop('dbname')}?{urlencode(where)}"

    def connect(self, **options: Any) -> Connection:
        """A new connection; *options* are those of `psycopg.connect`."""
        connection = dial(self.address, timeout=self._start_timeout, options=options)
        if connection is None:
            raise ServerError(f"the server of {self.directory} has ended", path=str(self.directory))
        return connection

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_alone(self, directory: Path, deadline: Deadline) -> None:
        """Start it in a directory that nobody serves."""
        prepare(directory)
        with start_lock(directory, timeout=deadline.left) as held:
            if not held:
                raise ServerError(
                    f"another process kept {directory / START_LOCK} for {deadline.seconds:.1f} s: it starts "
                    "a server there, or looks after the database; try again later",
                    path=str(directory),
                )
            answer = ask(published_address(directory))
            if answer.presence is Presence.SERVING:
                raise ServerError(
                    f"process {answer.pid} serves {directory} already: connect to that server or stop it",
                    path=str(directory),
                )
            self._start(deadline, socket_dir=choose_socket_dir(directory), log_folder=directory)

    def _start_in_memory(self, deadline: Deadline) -> None:
        folder = Path(tempfile.mkdtemp(dir=private_folder()))
        try:
            self._start(deadline, socket_dir=folder, log_folder=folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def _start(self, deadline: Deadline, *, socket_dir: Path, log_folder: Path) -> None:
        argv = command_line(
            self.directory,
            socket_dir=socket_dir,
            idle_exit=self._idle_exit,
            options=[*self._options, "--log-file", str(log_folder / logfile.NAME)],
        )
        self._owner, self._address = os.getpid(), Address(socket_dir=socket_dir)
        try:
            with logfile.open_log(log_folder) as log:
                written = os.fstat(log.fileno()).st_size
                start = self._run(argv, log, deadline)
            tail = logfile.tail(log_folder, written)
            check_start(start, self.directory, deadline, log_tail=tail)
        except BaseException:  # also when the person who waits for it has enough
            self.stop()
            raise

    def _run(self, argv: Sequence[str], log: BinaryIO, deadline: Deadline) -> Start:
        """Run the child and wait until it is ready or known to have failed."""
        ours, theirs = os.pipe()
        with os.fdopen(ours, "rb", buffering=0):
            with os.fdopen(theirs, "wb", buffering=0):
                uninterrupted(lambda: self._spawn(argv, log=log, ready=theirs))
            outcome = wait_ready(ours, timeout=deadline.left)
        code = None
        if outcome is Outcome.DIED and self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = self._process.wait(ENDING_SECONDS)
        return Start(outcome=outcome, exit_code=code)

    def _spawn(self, argv: Sequence[str], *, log: BinaryIO, ready: int) -> None:
        self._process = start_child(argv, log=log, ready=ready)
