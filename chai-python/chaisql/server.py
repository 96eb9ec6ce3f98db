"""A server under its caller's care: for tests, and for programs that supervise one."""

import contextlib
import logging
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlencode

from psycopg.conninfo import make_conninfo

from chaisql import logfile
from chaisql.address import Address, choose_socket_dir, private_folder, published_address
from chaisql.dial import Connection, dial, parameters
from chaisql.directory import prepare, resolve, start_lock
from chaisql.discovery import MEMORY, check_start
from chaisql.errors import ServerError
from chaisql.launch import Outcome, Start, check_seconds, command_line, start_child, wait_ready
from chaisql.probe import Presence, ask

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
        place = os.fspath(directory)
        self.directory: Path | str = MEMORY if place == MEMORY else resolve(place)
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
        if isinstance(self.directory, Path):
            self._start_alone(self.directory)
        else:
            folder = Path(tempfile.mkdtemp(dir=private_folder()))
            self._start(socket_dir=folder, log_folder=folder)
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

    def _start_alone(self, directory: Path) -> None:
        """Start it in a directory that nobody serves."""
        prepare(directory)
        with start_lock(directory, timeout=self._start_timeout):
            answer = ask(published_address(directory))
            if answer.presence is Presence.SERVING:
                raise ServerError(
                    f"process {answer.pid} serves {directory} already: connect to that server or stop it",
                    path=str(directory),
                )
            self._start(socket_dir=choose_socket_dir(directory), log_folder=directory)

    def _start(self, *, socket_dir: Path, log_folder: Path) -> None:
        argv = command_line(
            self.directory,
            socket_dir=socket_dir,
            idle_exit=self._idle_exit,
            options=[*self._options, "--log-file", str(log_folder / logfile.NAME)],
        )
        log = logfile.open_log(log_folder)
        written = os.fstat(log).st_size
        self._process, ready = start_child(argv, log=log)
        self._owner, self._address = os.getpid(), Address(socket_dir=socket_dir)
        with os.fdopen(ready, "rb", buffering=0):
            outcome = wait_ready(ready, timeout=self._start_timeout)
        if outcome is not Outcome.READY:
            self._give_up(outcome, log_folder, written)

    def _give_up(self, outcome: Outcome, log_folder: Path, written: int) -> None:
        process = self._process
        if outcome is Outcome.DIED and process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(5)
        code = process.poll() if process else None
        tail = logfile.tail(log_folder, written)
        self.stop()
        check_start(
            Start(outcome=outcome, exit_code=code), self.directory, timeout=self._start_timeout, log_tail=tail
        )
