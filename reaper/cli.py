"""The command ``chaisession-reaper``: arguments, signals, exit codes."""

import contextlib
import dataclasses
import json
import logging
import signal
from collections.abc import Callable, Generator, Sequence
from functools import partial, reduce
from types import FrameType
from typing import Any

import click

from reaper.durations import duration, positive_duration
from reaper.loop import Reaper
from reaper.stop import Stop
from reaper.supervise import Supervisor
from wsgi_chaisession.cli import (
    EXIT_CODES,
    ConfigurationError,
    check_target,
    existing_store,
    run_program,
    store_argument,
)
from wsgi_chaisession.errors import StoreUnavailable

PROGRAM = "chaisession-reaper"


def _option(*names: str, **settings: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare an option that the environment can set too, as CHAISESSION_REAPER_<NAME>."""
    variable = "CHAISESSION_REAPER_" + names[-1].lstrip("-").replace("-", "_").upper()
    return click.option(*names, envvar=variable, show_envvar=True, show_default=True, **settings)


PACE = (
    _option(
        "--batch-rows", type=click.IntRange(1, 10_000), default=100, help="Most rows that one batch deletes."
    ),
    _option(
        "--max-hold",
        type=positive_duration,
        metavar="DURATION",
        default="10ms",
        help="Longest time that a batch may keep the database's writer busy; batches shrink to it.",
    ),
    _option("--pause", type=duration, default="50ms", help="Pause between two batches."),
    _option(
        "--time-budget",
        type=positive_duration,
        metavar="DURATION",
        default="1m",
        help="Longest time that one run may take; the rest waits for the next.",
    ),
    _option(
        "--timeout",
        type=positive_duration,
        metavar="DURATION",
        default="30s",
        help="Longest wait for the store, its start on demand included.",
    ),
    _option("-v", "--verbose", is_flag=True, help="Log every batch."),
)


def _paced(command: Callable[..., Any]) -> Callable[..., Any]:
    return reduce(lambda wrapped, option: option(wrapped), reversed(PACE), command)


@click.group(
    epilog=EXIT_CODES, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="wsgi-chaisession", prog_name=PROGRAM)
def reaper() -> None:
    """Delete expired sessions, in small batches, beside the web workers.

    STORE is the database's directory or a postgresql:// URL; the environment variable CHAISESSION_STORE does
    as well. The reaper never creates a database. (Known elsewhere as clearsessions or session cleanup.)
    """


@reaper.command(epilog=EXIT_CODES)
@store_argument
@_option(
    "--interval",
    type=duration,
    default="5m",
    help="Time from the end of a run to the next; 0 disables the reaper.",
)
@_paced
def run(store: str, *, interval: float, verbose: bool, **pace: Any) -> None:
    """Delete expired sessions every INTERVAL until SIGTERM or SIGINT.

    A store that is down is tried again, with growing pauses, for as long as it takes. The batch under way is
    finished before the program ends. systemd's Type=notify and WatchdogSec= are supported.
    """
    _log_to_stderr(verbose=verbose)
    if interval == 0:
        click.echo(f"{PROGRAM}: disabled (--interval 0)", err=True)
        return
    with _stopped_by_signals() as stop:
        _reaper(store, stop, supervisor=Supervisor(), interval=interval, **pace).run()


@reaper.command(epilog=EXIT_CODES)
@store_argument
@click.option("--json", "as_json", is_flag=True, help="Print the summary as one JSON object.")
@click.option("--dry-run", is_flag=True, help="Delete nothing; say how many sessions have expired.")
@_paced
def once(store: str, *, as_json: bool, dry_run: bool, verbose: bool, **pace: Any) -> None:
    """Delete expired sessions now, print one summary line and end (for cron and timers)."""
    _log_to_stderr(verbose=verbose)
    if dry_run:
        _print_waiting(store, as_json=as_json, timeout=pace["timeout"])
        return
    with _stopped_by_signals() as stop:
        summary = _reaper(store, stop, **pace).run_once()
    click.echo(json.dumps(dataclasses.asdict(summary)) if as_json else str(summary))


def _reaper(store: str, stop: Stop, *, timeout: float, **options: Any) -> Reaper:
    sessions = existing_store(store, timeout=timeout)
    return Reaper(sessions, stop=stop, before_run=partial(_still_there, store), **options)


def _still_there(store: str) -> None:
    """A directory that vanishes (its disk is not mounted, say) is waited for, not made anew."""
    try:
        check_target(store)
    except ConfigurationError as error:
        raise StoreUnavailable(str(error)) from error


def _print_waiting(store: str, *, as_json: bool, timeout: float) -> None:
    sessions = existing_store(store, timeout=timeout)
    try:
        waiting = sessions.count_expired()
    finally:
        sessions.close()
    click.echo(
        json.dumps({"expired": waiting}) if as_json else f"{waiting} expired sessions would be deleted"
    )


@contextlib.contextmanager
def _stopped_by_signals() -> Generator[Stop, None, None]:
    """Yield a stop request that SIGTERM and SIGINT set."""
    stop = Stop()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_to_stderr(*, verbose: bool) -> None:
    logging.basicConfig(format="%(asctime)s reaper: %(message)s", level=logging.WARNING)
    logging.getLogger("reaper").setLevel(logging.DEBUG if verbose else logging.INFO)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_program(reaper, PROGRAM, argv)
