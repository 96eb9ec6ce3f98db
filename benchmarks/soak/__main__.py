"""Run the soak: web workers, held snapshots, explicit transactions, the reaper, kill -9, and an audit.

    make soak MINUTES=60

Exit code 0 means that every answer was right, nothing acknowledged was lost, and table and indexes agree.
"""

import json
import multiprocessing as mp
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import chaisql
from benchmarks.soak.load import open_accounts, snapshots, transfers, worker
from benchmarks.soak.site import PATIENCE, Site, clock, resident_bytes
from chaisql.locate import find_server

LOAD = {"calls", "looks", "transactions"}  # a process that counted none of them has shown nothing
spawn = mp.get_context("spawn")


@click.command(help=__doc__)
@click.option("--minutes", type=click.FloatRange(0.05), default=60, show_default=True)
@click.option(
    "--workers", type=click.IntRange(1), default=3, show_default=True, help="Processes with sessions."
)
@click.option(
    "--kill-every", type=float, default=20, show_default=True, help="Seconds between two kill -9; 0: never."
)
@click.option("--folder", type=click.Path(path_type=Path, exists=True), default="/var/tmp", show_default=True)  # noqa: S108
@click.option("--seed", type=int, default=None, help="Repeats the choices of an earlier soak.")
@click.option("--json", "report", type=click.Path(path_type=Path), help="Write the result to this file.")
def main(
    *, minutes: float, workers: int, kill_every: float, folder: Path, seed: int | None, report: Path | None
) -> None:
    """Soak, audit, tell."""
    with tempfile.TemporaryDirectory(prefix="soak-", dir=folder) as place:
        site = Site(
            directory=Path(place, "db"),
            seed=secrets.randbits(32) if seed is None else seed,
            ready=spawn.Barrier(workers + 3),  # snapshots, transfers, and this one
            stop=spawn.Event(),
            reports=spawn.Queue(),
        )
        result = _soak(site, minutes * 60, workers, kill_every)
    text = json.dumps(result, indent=2)
    if report:
        report.write_text(text + "\n", encoding="utf-8")
    click.echo(text)
    sys.exit(0 if result["right"] else 1)


def _soak(site: Site, seconds: float, workers: int, kill_every: float) -> dict[str, Any]:
    site.store().create_schema()
    open_accounts(site)
    processes = [_start(worker, site, f"worker-{number}") for number in range(workers)]
    processes += [_start(snapshots, site, "snapshots"), _start(transfers, site, "transfers")]
    reaper = _start_reaper(site.directory)
    try:
        site.ready.wait(PATIENCE)
        server = _disturb(site, seconds, kill_every)
        site.stop.set()
        reports = [site.reports.get(timeout=PATIENCE) for _ in processes]
    finally:
        site.stop.set()
        reaper.send_signal(signal.SIGTERM)
        for process in processes:
            process.join(PATIENCE)
    deleted = site.store().reaper_status()
    audit = _audit(site.directory)
    wrong = {r.name: r.wrong for r in reports if r.wrong}
    idle = [r.name for r in reports if not r.done.keys() & LOAD]
    right = audit["exit_code"] == 0 and not wrong and not idle and reaper.wait(PATIENCE) == 0
    return {
        "right": right,
        "seed": site.seed,
        "seconds": round(seconds),
        **server,
        "totals": dict(sum((r.done for r in reports), Counter())),
        "reaped": deleted.deleted if deleted else 0,
        "wrong": wrong,
        "idle": idle,
        "check": audit,
    }


def _start(target: Callable[[Site, str], None], site: Site, name: str) -> mp.process.BaseProcess:
    process = spawn.Process(target=target, args=(site, name), name=name)
    process.start()
    return process


def _start_reaper(directory: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "reaper", "run", str(directory), "--interval", "1s"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _disturb(site: Site, seconds: float, kill_every: float) -> dict[str, Any]:
    """Kill the server now and then until the time is up, and watch its memory."""
    end, kills, largest, random = clock() + seconds, 0, 0, site.random("kills")
    next_kill = clock() + kill_every
    while (left := end - clock()) > 0:
        site.pause(min(1.0, left))
        pid = _server_pid(site.directory)
        largest = max(largest, resident_bytes(pid))
        if kill_every and clock() >= next_kill and pid:
            os.kill(pid, signal.SIGKILL)
            kills += 1
            next_kill = clock() + random.uniform(0.5, 1.5) * kill_every
    return {"kills": kills, "server_resident_bytes_largest": largest}


def _server_pid(directory: Path) -> int:
    try:
        told = json.loads(Path(directory, "chaisqld.json").read_text(encoding="utf-8"))
        os.kill(told["pid"], 0)
    except (OSError, ValueError):
        return 0
    return int(told["pid"])


def _audit(directory: Path) -> dict[str, Any]:
    """Stop the server and compare every table with its indexes, row by row."""
    with chaisql.connect(str(directory), autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM sessions").fetchone()
    subprocess.run([sys.executable, "-m", "chaisql", "stop", str(directory)], check=True, timeout=PATIENCE)
    check = subprocess.run(
        [find_server(), "check", "--dir", str(directory)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    return {
        "exit_code": check.returncode,
        "sessions": row[0] if row else None,
        "said": (check.stdout + check.stderr).strip().splitlines()[-8:],
    }


if __name__ == "__main__":
    main()
