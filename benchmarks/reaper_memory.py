"""Whether the reaper's memory stays what it is over many runs.

Run `python -m benchmarks.reaper_memory`. The real program, `chaisession-reaper run` with a metrics file,
makes one run after the other on a fresh chaisqld that gets expired sessions all the time. Its resident
memory, and the server's, are read after every thousandth run.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from benchmarks.reaper import url_of
from benchmarks.servers import MissingError, Running, chaisqld, workplace
from wsgi_chaisession import ChaiStore
from wsgi_chaisession.tokens import generate, hash_token

STOP_TIMEOUT = 10.0  # seconds


def resident(pid: int) -> int:
    """Resident memory of a process in KiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def expire(url: str, stop: threading.Event) -> None:
    """Insert sessions that have expired already, until told to stop."""
    store = ChaiStore(url, timeout=30)
    while not stop.wait(0.005):
        store.insert(hash_token(generate()), b"x" * 256, datetime.now(UTC) - timedelta(seconds=1))
    store.close()


def watched(server: Running, folder: Path, *, runs: int, every: int) -> Iterator[dict[str, int]]:
    """Yield, after every so many runs of the reaper, what it and the server hold."""
    command = [
        sys.executable,
        "-m",
        "reaper",
        "run",
        url_of(server),
        "--interval",
        "1ms",
        "--pause",
        "0",
        "--json",
    ]
    command += ["--metrics-file", str(folder / "reaper.prom")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reaper:
        try:
            deleted = 0
            for number, line in enumerate(reaper.stdout or (), 1):
                deleted += json.loads(line)["deleted"]
                if number % every == 0 or number == runs:
                    yield {
                        "runs": number,
                        "deleted": deleted,
                        "reaper_kib": resident(reaper.pid),
                        "server_kib": resident(server.pid),
                    }
                if number == runs:
                    return
            raise click.ClickException("the reaper ended by itself")
        finally:
            reaper.terminate()
            reaper.wait(STOP_TIMEOUT)


@click.command()
@click.option("--runs", type=click.IntRange(2), default=10_000, show_default=True)
@click.option(
    "--every", type=click.IntRange(1), default=1_000, show_default=True, help="Runs between readings."
)
@click.option("--folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default="/var/tmp")  # noqa: S108
def main(*, runs: int, every: int, folder: Path) -> None:
    """Let the reaper run many times; print its memory after every so many runs, one JSON object a line."""
    try:
        with workplace(folder) as place, chaisqld(place) as server:
            store = ChaiStore(url_of(server), timeout=30)
            store.create_schema()
            store.close()
            stop = threading.Event()
            feeder = threading.Thread(target=expire, args=(url_of(server), stop))
            feeder.start()
            try:
                for reading in watched(server, place, runs=runs, every=every):
                    click.echo(json.dumps(reading))
            finally:
                stop.set()
                feeder.join()
    except MissingError as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main()
