"""What the reaper costs the foreground, and how fast it deletes.

Run `python -m benchmarks.reaper`, or with `--quick` to see that everything works.

A chaisqld holds many sessions, part of them expired. A process of its own finds and saves live sessions at a
steady rate, first alone and then while the reaper works; every save is a compare-and-swap of new bytes.
`--rate 0` leaves it out. The reaper is the real one, with its own defaults unless told, and its batch times
are written down one by one. Filling takes minutes: `--database` keeps what was filled for the next time.
"""

import contextlib
import csv
import json
import os
import shutil
import statistics
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from benchmarks.filling import fill, make_sessions
from benchmarks.foreground import Foreground
from benchmarks.ratios import percentile
from benchmarks.servers import MissingError, Running, chaisqld, workplace
from reaper import Pace, Reaper
from reaper.durations import duration, positive_duration
from wsgi_chaisession import ChaiStore

TIMEOUT = 60.0  # seconds


class Timed(ChaiStore):
    """Writes down when a batch began, in seconds since the first, its rows and its milliseconds."""

    def __init__(self, url: str) -> None:
        super().__init__(url, timeout=TIMEOUT)
        self.batches: list[tuple[float, int, float]] = []
        self._first = 0.0

    def delete_expired(self, limit: int, now: datetime | None = None) -> int:
        began = time.monotonic()
        self._first = self._first or began
        rows = super().delete_expired(limit, now)
        self.batches.append((began - self._first, rows, (time.monotonic() - began) * 1000))
        return rows


def url_of(server: Running) -> str:
    """The server as a store names it."""
    return f"postgresql:///{server.database}?host={server.socket.parent}&port=5432&user={server.user}"


@contextlib.contextmanager
def filled(folder: Path, kept: Path | None, *, rows: int, expired: int) -> Iterator[Running]:
    """A server with the sessions: new ones, or a copy of those that were kept."""
    if kept is not None and kept.exists():
        shutil.copytree(kept, folder / "chaisqld")
    with chaisqld(folder) as server:
        if kept is None or not kept.exists():
            with server.connect() as connection:
                fill(connection, make_sessions(rows, expired=expired))
        if kept is None or kept.exists():
            os.sync()  # what the filling left to be written is not part of the measurement
            yield server
            return
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder / "chaisqld", kept)
    with chaisqld(folder) as server:
        os.sync()
        yield server


def measure(url: str, reaper: Reaper, timed: Timed, *, rate: int, alone: float) -> dict[str, object]:
    """Drive the foreground alone for so many seconds, then beside one run of the reaper."""
    if not rate:
        return _summary(timed, _seconds_of(reaper))
    with Foreground(url, rate=rate) as foreground:
        foreground.begin()
        time.sleep(alone)
        without = foreground.end()
        foreground.begin()
        seconds = _seconds_of(reaper)
        beside = foreground.end()
    return _summary(timed, seconds) | {
        "foreground_calls": len(without) + len(beside),
        "foreground_median_without": statistics.median(without),
        "foreground_median_with": statistics.median(beside),
        "foreground_p99_without": percentile(without, 99),
        "foreground_p99_with": percentile(beside, 99),
        "slowdown": percentile(beside, 99) / percentile(without, 99),
    }


def _seconds_of(reaper: Reaper) -> float:
    began = time.monotonic()
    reaper.run_once()
    return time.monotonic() - began


def _summary(timed: Timed, seconds: float) -> dict[str, object]:
    deleted = sum(rows for _, rows, _ in timed.batches)
    batches = [milliseconds for _, _, milliseconds in timed.batches]
    return {
        "deleted": deleted,
        "seconds": seconds,
        "rows_per_second": deleted / seconds,
        "batches": len(batches),
        "batch_median": statistics.median(batches),
        "batch_p99": percentile(batches, 99),
        "batch_longest": max(batches),
    }


def _write_batches(path: Path, timed: Timed) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("seconds", "rows", "milliseconds"))
        rows.writerows(timed.batches)


@click.command()
@click.option("--rows", type=click.IntRange(1), default=1_000_000, show_default=True, help="Sessions.")
@click.option(
    "--expired", type=click.IntRange(1), default=500_000, show_default=True, help="Of them expired."
)
@click.option("--rate", type=click.IntRange(0), default=300, show_default=True, help="Foreground calls/s.")
@click.option("--alone", type=positive_duration, default="20s", show_default=True, help="Without the reaper.")
@click.option("--batch-rows", type=click.IntRange(1), default=Pace().batch_rows, show_default=True)
@click.option(
    "--max-hold", type=positive_duration, default=f"{Pace().max_hold * 1000:g}ms", show_default=True
)
@click.option("--pause", type=duration, default="5ms", show_default=True)
@click.option("--folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default="/var/tmp")  # noqa: S108
@click.option(
    "--database",
    type=click.Path(path_type=Path, file_okay=False),
    help="Fill once, keep it there, copy it later.",
)
@click.option("--csv", "batches", type=click.Path(path_type=Path), help="Write the batch times to this file.")
@click.option("--picture", type=click.Path(path_type=Path), help="Draw the batch times (needs matplotlib).")
@click.option("--quick", is_flag=True, help="One short round, to see that everything works.")
def main(
    *,
    rows: int,
    expired: int,
    rate: int,
    alone: float,
    folder: Path,
    database: Path | None,
    batches: Path | None,
    picture: Path | None,
    quick: bool,
    **pace: Any,
) -> None:
    """Delete the expired part of many sessions beside foreground traffic; print one JSON object."""
    if quick:
        rows, expired, alone = 2_000, 1_000, 1.0
    if expired > rows:
        raise click.UsageError(f"--expired {expired} is more than --rows {rows}")
    try:
        with workplace(folder) as place, filled(place, database, rows=rows, expired=expired) as server:
            url = url_of(server)
            timed = Timed(url)
            reaper = Reaper(timed, Pace(time_budget=3600.0, **pace))
            result = measure(url, reaper, timed, rate=rate, alone=alone)
    except MissingError as error:
        raise click.ClickException(str(error)) from error
    if batches is not None:
        _write_batches(batches, timed)
    if picture is not None:
        _draw(picture, timed)
    click.echo(json.dumps({"rows": rows, "expired": expired, **pace, **result}))


def _draw(path: Path, timed: Timed) -> None:
    try:
        from benchmarks.picture import draw  # noqa: PLC0415 - its library is optional
    except ImportError as error:
        raise click.ClickException("--picture needs matplotlib: pip install --group picture") from error
    draw(path, timed.batches)


if __name__ == "__main__":
    main()
