"""Durable saves per second: chaisqld beside PostgreSQL, with 1, 8 and 64 clients.

Run `python -m benchmarks.group_commit`, or with `--quick` to see that everything works.

Every save is a compare-and-swap of 256 bytes with a new expiry, as the session store sends it, and is
answered once it is on the disk. With many clients this measures how many saves share one fsync; with one,
what a save costs beyond its fsync. So for one client the same rounds also take the floor: as many bytes as
chaisqld logs for a save, appended to a file and synced by a server that does nothing else, asked by the same
driver.
"""

import contextlib
import json
import random
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks.options import common
from benchmarks.ratios import Ratio, ratio
from benchmarks.servers import MissingError, Running, build_load, chaisqld, echo, postgres, workplace

LOGGED = 516  # bytes that chaisqld appends to its log for one such save
SAVE_REQUEST, SAVE_REPLY = 615, 25  # bytes that the driver and the servers exchange for it
FLOOR = "floor"

Result = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure."""

    mode: str
    clients: tuple[int, ...]
    rounds: int
    seconds: float
    rows: int


def measure(load: Path, server: Running, plan: Plan, *, clients: int) -> Result:
    """One run of the driver."""
    what = ["-mode", plan.mode, "-clients", str(clients), "-rows", str(max(plan.rows, clients))]
    where = ["-socket", str(server.socket), "-server-pid", str(server.pid)]
    return _driver([str(load), "run", *where, *what, "-seconds", str(plan.seconds)])


def measure_floor(load: Path, server: Running, plan: Plan) -> Result:
    sizes = ["-request", str(SAVE_REQUEST), "-reply", str(SAVE_REPLY)]
    return _driver([str(load), "floor", "-socket", str(server.socket), *sizes, "-seconds", str(plan.seconds)])


def _driver(command: Sequence[str]) -> Result:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise click.ClickException(f"{' '.join(command)}: {done.stderr.strip()}")
    result: Result = json.loads(done.stdout)
    return result


def rounds(
    load: Path, servers: Sequence[Running], floor: Running, plan: Plan
) -> Iterator[tuple[str, int, Result]]:
    """Interleaved, the order of the servers by lot, so that nobody always goes first."""
    for number in range(plan.rounds):
        for clients in plan.clients:
            for server in random.sample(servers, len(servers)):
                yield server.name, clients, measure(load, server, plan, clients=clients)
            if clients == 1:
                yield FLOOR, 1, measure_floor(load, floor, plan)
        click.echo(f"round {number + 1} of {plan.rounds} done", err=True)


Results = dict[tuple[str, int], list[Result]]


def throughput_ratio(results: Results, of: str, to: str, clients: int) -> Ratio | None:
    """How many times as many operations per second."""
    a, b = results.get((of, clients)), results.get((to, clients))
    if not a or not b:
        return None
    return ratio([r["per_second"] for r in a], [r["per_second"] for r in b])


def latency_ratio(results: Results, of: str, to: str, clients: int) -> Ratio | None:
    """How many times the median latency."""
    a, b = results.get((of, clients)), results.get((to, clients))
    if not a or not b:
        return None
    return ratio([r["latency_us"]["p50"] for r in a], [r["latency_us"]["p50"] for r in b])


def compare(results: Results, plan: Plan) -> dict[str, Ratio]:
    """The figures that the measurement is for, by what they say."""
    wanted = {
        f"saves per second, chaisqld / postgres, {n} clients": throughput_ratio(
            results, "chaisqld", "postgres", n
        )
        for n in plan.clients
    }
    wanted["median latency, chaisqld / floor, 1 client"] = latency_ratio(results, "chaisqld", FLOOR, 1)
    wanted["median latency, postgres / floor, 1 client"] = latency_ratio(results, "postgres", FLOOR, 1)
    return {name: value for name, value in wanted.items() if value is not None}


def show(results: Results, ratios: Mapping[str, Ratio]) -> None:
    """Medians over the rounds."""
    click.echo(
        f"{'server':10}{'clients':>8}{'ops/s':>10}{'p50 µs':>10}{'p90 µs':>10}{'p99 µs':>10}{'CPU µs/op':>11}"
    )
    for (name, clients), runs in sorted(results.items(), key=lambda item: (item[0][1], item[0][0])):
        middle = sorted(runs, key=lambda r: r["per_second"])[len(runs) // 2]
        latency = middle["latency_us"]
        cpu = middle.get("server_cpu", {}).get("us_per_operation")
        click.echo(
            f"{name:10}{clients:8}{middle['per_second']:10.0f}{latency['p50']:10.0f}{latency['p90']:10.0f}"
            f"{latency['p99']:10.0f}{'' if cpu is None else f'{cpu:.0f}':>11}"
        )
    for what, value in ratios.items():
        click.echo(f"{what}: {value}")


def _numbers(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    try:
        numbers = tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of numbers such as 1,8,64") from None
    if min(numbers) < 1:
        raise click.BadParameter(f"{value!r} has a number below 1")
    return numbers


@click.command()
@common
@click.option(
    "--mode", type=click.Choice(["save", "upsert", "mixed", "find"]), default="save", show_default=True
)
@click.option("--clients", callback=_numbers, default="1,8,64", show_default=True)
@click.option("--rounds", "count", type=click.IntRange(1), default=7, show_default=True)
@click.option("--seconds", type=click.FloatRange(0.05), default=3.0, show_default=True, help="Of each run.")
def main(
    *,
    binary: Path | None,
    binaries: Path,
    folder: Path,
    mode: str,
    clients: tuple[int, ...],
    count: int,
    seconds: float,
    rows: int,
    report: Path | None,
    quick: bool,
) -> None:
    """Measure durable saves per second: chaisqld beside PostgreSQL."""
    plan = Plan(mode=mode, clients=clients, rounds=count, seconds=seconds, rows=rows)
    if quick:
        plan = Plan(mode=mode, clients=clients, rounds=1, seconds=0.2, rows=200)
    results: Results = defaultdict(list)
    try:
        with contextlib.ExitStack() as stack:
            place = stack.enter_context(workplace(folder))
            load = build_load(place)
            servers = [stack.enter_context(chaisqld(place, binary))]
            try:
                servers.append(stack.enter_context(postgres(place, binaries)))
            except MissingError as missing:
                click.echo(f"without PostgreSQL: {missing}", err=True)
            floor = stack.enter_context(
                echo(place, load, request=SAVE_REQUEST, reply=SAVE_REPLY, durable=LOGGED)
            )
            for name, n, result in rounds(load, servers, floor, plan):
                results[name, n].append(result)
    except MissingError as missing:
        raise click.ClickException(str(missing)) from missing
    ratios = compare(results, plan)
    show(results, ratios)
    if report:
        write(report, results, ratios)


def write(report: Path, results: Results, ratios: Mapping[str, Ratio]) -> None:
    runs = [
        {"server": name, "clients": clients, "runs": list(each)} for (name, clients), each in results.items()
    ]
    content = {"ratios": {what: value.as_dict() for what, value in ratios.items()}, "results": runs}
    report.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
