"""Throwaway servers to measure: PostgreSQL, chaisqld, Redis, and an echo that does nothing.

Each is started in a folder of its own on one file system, listens on a Unix socket there, and is gone when
its `with` block ends. Settings are the defaults; what is set says where they live. Nothing here measures.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg

from chaisql.errors import ServerError
from chaisql.locate import find_server

START_TIMEOUT = 30.0  # seconds until a server must answer
STOP_TIMEOUT = 15.0  # seconds it has to end in peace
POSTGRES_FOLDER = Path("/usr/lib/postgresql/15/bin")  # Debian's
REDIS = "redis-server"
# fsync costs nothing on these, and nothing could be learned.
VOLATILE = {"tmpfs", "ramfs"}


class MissingError(Exception):
    """A server is not installed; the message says how to get it."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A server that answers."""

    name: str
    pid: int
    socket: Path
    user: str = ""
    database: str = ""

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(
            host=str(self.socket.parent),
            port=5432,
            user=self.user,
            dbname=self.database,
            autocommit=True,
            options="-c TimeZone=UTC",
        )


@contextlib.contextmanager
def workplace(parent: Path) -> Iterator[Path]:
    """A folder for all servers of one measurement, on a file system that keeps what it is given."""
    kind = _filesystem(parent)
    if kind in VOLATILE:
        raise MissingError(f"{parent} is a {kind}, where fsync does nothing: name a folder on a disk")
    signal.signal(signal.SIGTERM, _leave)
    folder = Path(tempfile.mkdtemp(prefix="bench-", dir=parent))
    folder.chmod(0o711)  # PostgreSQL may run as another user, and has a folder in here
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _leave(number: int, _frame: object) -> None:
    """End like after Ctrl-C: the servers are in sessions of their own and would stay."""
    raise SystemExit(128 + number)


def _filesystem(folder: Path) -> str:
    command = ["stat", "--file-system", "--format=%T", str(folder)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@contextlib.contextmanager
def chaisqld(folder: Path, binary: Path | None = None) -> Iterator[Running]:
    """A chaisqld with an empty database; *binary* None is the installed one."""
    try:
        command = str(binary) if binary else find_server()
    except ServerError as error:
        raise MissingError(str(error)) from error
    home = folder / "chaisqld"
    running = _Child([command, "--dir", str(home), "--log-level", "warn"], log=folder / "chaisqld.log")
    with running as pid:
        server = Running(
            name="chaisqld", pid=pid, socket=home / ".s.PGSQL.5432", user="postgres", database="postgres"
        )
        running.wait_for(lambda: server.connect().close())
        yield server


@contextlib.contextmanager
def postgres(folder: Path, binaries: Path = POSTGRES_FOLDER) -> Iterator[Running]:
    """A PostgreSQL with an empty cluster in locale C, the one that compares text the cheapest."""
    if not (binaries / "initdb").exists():
        raise MissingError(
            f"no PostgreSQL in {binaries}: apt install postgresql-15, or name the folder of its programs"
        )
    home = folder / "postgres"
    home.mkdir(mode=0o700)
    account = _account(home)
    log = folder / "postgres.log"
    _initialize(binaries, home / "data", log, account)
    command = [str(binaries / "postgres"), "-D", str(home / "data")]
    command += ["-c", "listen_addresses=", "-c", f"unix_socket_directories={home}"]
    # SIGINT: disconnect clients and end in order
    running = _Child(command, log=log, account=account, stop=signal.SIGINT)
    with running as pid:
        server = Running(
            name="postgres", pid=pid, socket=home / ".s.PGSQL.5432", user="postgres", database="postgres"
        )
        running.wait_for(lambda: server.connect().close())
        yield server


def _account(home: Path) -> str | None:
    """Who PostgreSQL runs as: it refuses root. None: who runs this."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    account = "postgres" if "postgres" in names else "nobody"
    shutil.chown(home, account)
    return account


def _initialize(binaries: Path, data: Path, log: Path, account: str | None) -> None:
    command = [str(binaries / "initdb"), "-D", str(data), "--username=postgres", "--auth=trust"]
    command += ["--encoding=UTF8", "--locale=C", "--no-sync"]
    with log.open("ab") as output:
        done = subprocess.run(command, stdout=output, stderr=output, user=account, cwd="/", check=False)
    if done.returncode != 0:
        raise ServerError(f"initdb failed: {_last_lines(log)}", path=str(data))


@contextlib.contextmanager
def redis_server(folder: Path, binary: str = REDIS) -> Iterator[Running]:
    """A Redis that keeps everything in memory: no snapshots, no log of commands."""
    command = shutil.which(binary)
    if command is None:
        raise MissingError(f"no {binary}: apt install redis-server, or name its program")
    home = folder / "redis"
    home.mkdir(mode=0o700)
    place = home / "redis.sock"
    options = [
        "--port",
        "0",
        "--unixsocket",
        str(place),
        "--dir",
        str(home),
        "--save",
        "",
        "--appendonly",
        "no",
    ]
    running = _Child([command, *options], log=folder / "redis.log")
    with running as pid:
        running.wait_for(lambda: _knock(place))
        yield Running(name="redis", pid=pid, socket=place)


@contextlib.contextmanager
def echo(folder: Path, load: Path, *, request: int, reply: int, durable: int = 0) -> Iterator[Running]:
    """A Go server that answers *request* bytes with *reply* bytes.

    With *durable* it first appends that many bytes to a file and waits for fdatasync.
    """
    place = folder / ("durable-echo.sock" if durable else "echo.sock")
    command = [str(load), "echo", "-socket", str(place), "-request", str(request), "-reply", str(reply)]
    if durable:
        command += ["-append", str(folder / "appended"), "-bytes", str(durable)]
    running = _Child(command, log=folder / "echo.log")
    with running as pid:
        running.wait_for(lambda: _knock(place))
        yield Running(name="echo", pid=pid, socket=place)


def _knock(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(place))


class _Child:
    """A process that ends with its `with` block."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        account: str | None = None,
        stop: signal.Signals = signal.SIGTERM,
    ) -> None:
        self._command, self._log, self._account, self._stop = command, log, account, stop
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> int:
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                user=self._account,
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the measurement, which then ends the servers in order
            )
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.send_signal(self._stop)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def wait_for(self, visit: Callable[[], None]) -> None:
        """Until *visit* succeeds; servers have no common way to say that they are ready."""
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                return visit()
            except (OSError, psycopg.OperationalError) as error:
                self._check_alive(error, late=time.monotonic() > deadline)
            time.sleep(0.01)

    def _check_alive(self, error: Exception, *, late: bool) -> None:
        ended = self._process is None or self._process.poll() is not None
        if not ended and not late:
            return
        what = "ended" if ended else f"did not answer within {START_TIMEOUT:.0f} s"
        raise ServerError(
            f"{self._command[0]} {what}: {error}; {_last_lines(self._log)}", path=self._command[0]
        ) from error


def _last_lines(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()[-5:]
    return "its log ends: " + " | ".join(lines) if lines else "its log is empty"


def build_load(folder: Path) -> Path:
    """Compile the load program; a Go that fits is found as for the server."""
    source = Path(__file__).with_name("load")
    finder = source.parents[1] / "chai-python" / "go_toolchain.py"
    found = subprocess.run([sys.executable, str(finder)], capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise MissingError(found.stderr.strip())
    program = folder / "load"
    settings = {
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "GOFLAGS": "-mod=readonly -buildvcs=false",
        "CGO_ENABLED": "0",
    }
    done = subprocess.run(
        [found.stdout.strip(), "build", "-o", str(program), "."],
        cwd=source,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise MissingError(f"the load program does not compile: {done.stderr.strip()}")
    return program
