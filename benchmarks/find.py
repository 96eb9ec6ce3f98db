"""The time to find a session by its key: chaisqld beside a bare echo, PostgreSQL and Redis.

Run `python -m benchmarks.find`, or with `--quick` to see that everything works.

Reads wait for no disk, so this measures what a program pays for asking another one. The floor is an echo:
Python writes as many bytes as libpq does for a find, and a Go program that does nothing else answers with as
many as chaisqld does. What chaisqld takes beyond that is libpq, its own work and Chai's. `exec_prepared` is
measured because it is the least that a Python program can do; a psycopg cursor shows what it adds.
"""

import contextlib
import importlib
import json
import random
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path

import click
import psycopg
from psycopg import pq

from benchmarks.filling import Session, fill, make_sessions
from benchmarks.options import common
from benchmarks.ratios import Percentiles, Ratio, percentiles, ratio
from benchmarks.relay import relay
from benchmarks.servers import (
    REDIS,
    MissingError,
    Running,
    build_load,
    chaisqld,
    echo,
    postgres,
    redis_server,
    workplace,
)

FIND = "SELECT data, expiry FROM sessions WHERE token = {} AND expiry > now()"
LIFETIME = timedelta(hours=24)

ECHO, CHAISQLD, POSTGRES = "echo", "chaisqld exec_prepared", "postgres exec_prepared"
CHAISQLD_CURSOR, POSTGRES_CURSOR, REDIS_GET = "chaisqld cursor", "postgres cursor", "redis-py get"

Find = Callable[[str], object]


@dataclass
class Contender:
    """A way to find a session, and what it took."""

    name: str
    find: Find
    nanoseconds: list[int] = field(default_factory=list)
    medians: list[float] = field(default_factory=list)  # of each round, in microseconds

    def run(self, tokens: Sequence[str]) -> None:
        clock = time.perf_counter_ns
        times = []
        for token in tokens:
            start = clock()
            self.find(token)
            times.append(clock() - start)
        self.nanoseconds += times
        self.medians.append(percentiles(times).p50)


def by_exec_prepared(connection: psycopg.Connection) -> Find:
    """The least that psycopg can do: libpq, one round trip, values left as bytes."""
    raw = connection.pgconn
    prepared = raw.prepare(b"find", FIND.format("$1").encode())
    if prepared.status != pq.ExecStatus.COMMAND_OK:
        raise click.ClickException(f"cannot prepare the find: {prepared.error_message.decode()}")

    def find(token: str) -> None:
        result = raw.exec_prepared(b"find", [token.encode()], None, pq.Format.BINARY)
        if result.ntuples != 1:
            raise click.ClickException(f"{token} was not found: {result.error_message.decode()}")

    return find


def by_cursor(connection: psycopg.Connection) -> Find:
    """What the session store does."""
    query = FIND.format("%s").encode()
    cursor = connection.cursor(binary=True)

    def find(token: str) -> None:
        if cursor.execute(query, (token,), prepare=True).fetchone() is None:
            raise click.ClickException(f"{token} was not found")

    return find


def by_redis(server: Running, sessions: Sequence[Session]) -> Find:
    """A session as redis-py's users keep them: the data under the key, with a time to live."""
    try:
        redis = importlib.import_module("redis")
    except ImportError as error:
        raise MissingError("no redis-py: pip install redis") from error
    client = redis.Redis(unix_socket_path=str(server.socket))
    for token, data, _ in sessions:
        client.set(token, data, ex=LIFETIME)

    def find(token: str) -> None:
        if client.get(token) is None:
            raise click.ClickException(f"{token} was not found in Redis")

    return find


@contextlib.contextmanager
def by_echo(server: Running, *, request: int, reply: int) -> Iterator[Find]:
    content = bytes(request)
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(server.socket))

        def find(_token: str) -> None:
            peer.sendall(content)
            missing = reply
            while missing:
                missing -= len(peer.recv(missing))

        yield find


def exchanged(server: Running, folder: Path, token: str) -> tuple[int, int]:
    """Bytes of a find's request and of its reply."""
    folder.mkdir(mode=0o700)
    place = folder / server.socket.name
    with (
        relay(place, server.socket) as counts,
        Running(
            name=server.name, pid=server.pid, socket=place, user=server.user, database=server.database
        ).connect() as connection,
    ):
        find = by_exec_prepared(connection)
        find(token)
        counts.reset()
        find(token)
        return counts.requests, counts.replies


def contenders(
    stack: contextlib.ExitStack, place: Path, sessions: Sequence[Session], options: "Options"
) -> Iterator[Contender]:
    """Start everything that is installed; say what is not."""
    server = stack.enter_context(chaisqld(place, options.binary))
    connection = stack.enter_context(server.connect())
    fill(connection, sessions)
    request, reply = exchanged(server, place / "relay", sessions[0][0])
    bare = stack.enter_context(echo(place, build_load(place), request=request, reply=reply))
    yield Contender(ECHO, stack.enter_context(by_echo(bare, request=request, reply=reply)))
    yield Contender(CHAISQLD, by_exec_prepared(connection))
    yield Contender(CHAISQLD_CURSOR, by_cursor(connection))
    with _optional("PostgreSQL"):
        other = stack.enter_context(stack.enter_context(postgres(place, options.binaries)).connect())
        fill(other, sessions)
        other.execute("ANALYZE sessions")
        yield Contender(POSTGRES, by_exec_prepared(other))
        yield Contender(POSTGRES_CURSOR, by_cursor(other))
    with _optional("Redis"):
        memory = stack.enter_context(redis_server(place, options.redis))
        yield Contender(REDIS_GET, by_redis(memory, sessions))


@contextlib.contextmanager
def _optional(name: str) -> Iterator[None]:
    try:
        yield
    except MissingError as missing:
        click.echo(f"without {name}: {missing}", err=True)


@dataclass(frozen=True, kw_only=True)
class Options:
    """What to measure, and with which programs."""

    binary: Path | None
    binaries: Path
    redis: str
    rounds: int
    operations: int
    rows: int


def measure(folder: Path, options: Options) -> list[Contender]:
    """Rounds in which every contender has its turn, in an order by lot."""
    sessions = list(make_sessions(options.rows))
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(workplace(folder))
        everybody = list(contenders(stack, place, sessions, options))
        for number in range(options.rounds + 1):
            tokens = [
                token for token, _, _ in random.sample(sessions, k=min(options.operations, len(sessions)))
            ]
            for contender in random.sample(everybody, len(everybody)):
                contender.run(tokens)
            if number == 0:  # was only to warm up
                for contender in everybody:
                    contender.nanoseconds.clear()
                    contender.medians.clear()
    return everybody


def compare(everybody: Sequence[Contender]) -> dict[str, Ratio]:
    """The figures that the measurement is for, by what they say."""
    medians = {c.name: c.medians for c in everybody}
    pairs = [
        (CHAISQLD, ECHO),
        (CHAISQLD, POSTGRES),
        (CHAISQLD, REDIS_GET),
        (POSTGRES, ECHO),
        (CHAISQLD_CURSOR, POSTGRES_CURSOR),
        (CHAISQLD_CURSOR, CHAISQLD),
    ]
    return {
        f"{of} / {to}": ratio(medians[of], medians[to]) for of, to in pairs if of in medians and to in medians
    }


def show(figures: Mapping[str, Percentiles], ratios: Mapping[str, Ratio]) -> None:
    click.echo(f"{'µs':26}{'p50':>9}{'p90':>9}{'p99':>9}{'max':>9}")
    for name, p in figures.items():
        click.echo(f"{name:26}{p.p50:9.1f}{p.p90:9.1f}{p.p99:9.1f}{p.max:9.0f}")
    for what, value in ratios.items():
        click.echo(f"{what}: {value}")


@click.command()
@common
@click.option("--redis", default=REDIS, show_default=True, help="The program of the Redis server.")
@click.option("--rounds", type=click.IntRange(1), default=30, show_default=True)
@click.option(
    "--operations", type=click.IntRange(1), default=500, show_default=True, help="Of each one in each round."
)
def main(
    *,
    binary: Path | None,
    binaries: Path,
    folder: Path,
    redis: str,
    rounds: int,
    operations: int,
    rows: int,
    report: Path | None,
    quick: bool,
) -> None:
    """Measure the time to find a session by its key: chaisqld, an echo, PostgreSQL, Redis."""
    if quick:
        rounds, operations, rows = 1, 50, 200
    options = Options(
        binary=binary, binaries=binaries, redis=redis, rounds=rounds, operations=operations, rows=rows
    )
    try:
        everybody = measure(folder, options)
    except MissingError as missing:
        raise click.ClickException(str(missing)) from missing
    figures = {c.name: percentiles(c.nanoseconds) for c in everybody}
    ratios = compare(everybody)
    show(figures, ratios)
    if report:
        content = {
            "libpq": {"psycopg": pq.__impl__, "version": pq.version()},
            "microseconds": {name: asdict(p) for name, p in figures.items()},
            "medians": {c.name: c.medians for c in everybody},
            "ratios": {what: value.as_dict() for what, value in ratios.items()},
        }
        report.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
