"""What the reaper costs the foreground, and how fast it deletes.

Run `python -m benchmarks.reaper`, or with `--quick` to see that everything works.

A fresh chaisqld holds many sessions, part of them expired. One process finds and saves live sessions at a
steady rate, first alone and then while the reaper works; every save is a compare-and-swap of new bytes. The
reaper is the real one, without pauses unless told, and its batch times are written down one by one.
"""

import csv
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from benchmarks.servers import MissingError, Running, chaisqld, workplace
from reaper import Reaper
from reaper.durations import duration, positive_duration
from wsgi_chaisession import ChaiStore
from wsgi_chaisession.tokens import generate, hash_token

CHUNK = 100  # rows of one insert, well below the server's limits
TIMEOUT = 60.0  # seconds
DATA = 256  # bytes in a session
LIVE_KEYS = 500  # that the foreground uses


class Timed(ChaiStore):
    """Writes down when a batch began, in seconds since the first, its rows and its milliseconds."""

    def __init__(self, server: Running) -> None:
        where = f"host={server.socket.parent}&port=5432&user={server.user}"
        super().__init__(f"postgresql:///{server.database}?{where}", timeout=TIMEOUT)
        self.batches: list[tuple[float, int, float]] = []
        self._first = time.monotonic()

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        began = time.monotonic()
        rows = super().delete_expired(limit, now)
        self.batches.append((began - self._first, rows, (time.monotonic() - began) * 1000))
        return rows


class Foreground:
    """Finds and saves, at a steady rate, until told to stop."""

    def __init__(self, store: ChaiStore, *, rate: float) -> None:
        self._store = store
        self._rate = rate
        self._random = random.Random(6)  # noqa: S311 - which session is next is no secret
        self._known: dict[str, bytes] = {}
        self._until = datetime.now(UTC) + timedelta(hours=1)

    def prepare(self) -> None:
        for _ in range(LIVE_KEYS):
            key, data = hash_token(generate()), self._random.randbytes(DATA)
            self._store.insert(key, data, self._until)
            self._known[key] = data

    def drive(self, stop: threading.Event) -> list[float]:
        """Return the milliseconds of every call, waiting for its turn included."""
        times: list[float] = []
        began = due = time.monotonic()
        while not stop.wait(max(0.0, due - time.monotonic())):
            self._call(save=len(times) % 4 == 3)
            times.append((time.monotonic() - due) * 1000)
            due = began + len(times) / self._rate
        return times

    def _call(self, *, save: bool) -> None:
        key = self._random.choice(list(self._known))
        if not save:
            self._right(self._store.find(key) is not None)
            return
        data = self._random.randbytes(DATA)
        self._right(self._store.replace(key, self._known[key], data, self._until))
        self._known[key] = data

    @staticmethod
    def _right(answer: object) -> None:
        if not answer:
            raise click.ClickException("a live session was not found: the reaper took what was not its own")


def fill(server: Running, *, rows: int, expired: int) -> None:
    """Insert the sessions; every expiry differs by a microsecond, as in life."""
    now = datetime.now(UTC).replace(tzinfo=None)
    with server.connect() as connection:
        for start in range(0, rows, CHUNK):
            part = range(start, min(start + CHUNK, rows))
            values = ", ".join(["(%b, %b, %b)"] * len(part))
            sql = f"INSERT INTO sessions (token, data, expiry) VALUES {values}"  # noqa: S608 - placeholders
            connection.execute(sql.encode(), list(_columns(part, now, expired)))


def _columns(part: range, now: datetime, expired: int) -> Iterator[object]:
    for number in part:
        hours = -1 if number < expired else 24
        yield from (hash_token(generate()), os.urandom(DATA))
        yield now + timedelta(hours=hours, microseconds=number)


def measure(foreground: Foreground, reaper: Reaper, timed: Timed, *, alone: float) -> dict[str, float]:
    """Drive the foreground alone for so many seconds, then beside one run of the reaper."""
    without = _during(foreground, lambda: time.sleep(alone))
    began = time.monotonic()
    beside = _during(foreground, reaper.run_once)
    seconds = time.monotonic() - began
    deleted = sum(rows for _, rows, _ in timed.batches)
    batches = [milliseconds for _, _, milliseconds in timed.batches]
    return {
        "deleted": deleted,
        "rows_per_second": deleted / seconds,
        "batches": len(batches),
        "batch_median": statistics.median(batches),
        "batch_p99": _p99(batches),
        "foreground_calls": len(without) + len(beside),
        "foreground_p99_without": _p99(without),
        "foreground_p99_with": _p99(beside),
        "slowdown": _p99(beside) / _p99(without),
    }


def _during(foreground: Foreground, work: Callable[[], object]) -> list[float]:
    stop = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        times = pool.submit(foreground.drive, stop)
        try:
            work()
        finally:
            stop.set()
        return times.result()


def _p99(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def _write_batches(path: Path, timed: Timed) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("seconds", "rows", "milliseconds"))
        rows.writerows(timed.batches)


@click.command()
@click.option("--rows", type=click.IntRange(CHUNK), default=1_000_000, show_default=True, help="Sessions.")
@click.option(
    "--expired", type=click.IntRange(1), default=500_000, show_default=True, help="Of them expired."
)
@click.option("--rate", type=click.IntRange(10), default=300, show_default=True, help="Foreground calls/s.")
@click.option("--alone", type=positive_duration, default="20s", show_default=True, help="Without the reaper.")
@click.option("--batch-rows", type=click.IntRange(1), default=100, show_default=True)
@click.option("--max-hold", type=positive_duration, default="10ms", show_default=True)
@click.option("--pause", type=duration, default="0", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default="/var/tmp")  # noqa: S108
@click.option("--csv", "batches", type=click.Path(path_type=Path), help="Write the batch times to this file.")
@click.option("--quick", is_flag=True, help="One short round, to see that everything works.")
def main(
    *,
    rows: int,
    expired: int,
    rate: int,
    alone: float,
    folder: Path,
    batches: Path | None,
    quick: bool,
    **pace: Any,
) -> None:
    """Delete the expired part of many sessions beside foreground traffic; print one JSON object."""
    if quick:
        rows, expired, alone = 2_000, 1_000, 1.0
    if expired > rows:
        raise click.UsageError(f"--expired {expired} is more than --rows {rows}")
    try:
        with workplace(folder) as place, chaisqld(place) as server:
            timed = Timed(server)
            timed.create_schema()
            fill(server, rows=rows, expired=expired)
            foreground = Foreground(Timed(server), rate=rate)
            foreground.prepare()
            reaper = Reaper(timed, time_budget=3600.0, **pace)
            result = measure(foreground, reaper, timed, alone=alone)
    except MissingError as error:
        raise click.ClickException(str(error)) from error
    if batches is not None:
        _write_batches(batches, timed)
    click.echo(json.dumps({"rows": rows, "expired": expired, **result}))


if __name__ == "__main__":
    main()
