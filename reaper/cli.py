"""The command ``chaisession-reaper``: arguments, signals, exit codes."""

import contextlib
import dataclasses
import json
import logging
import signal
import sys
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import click

from reaper import orphans
from reaper.install import install
from reaper.loop import Reaper
from reaper.observers import Observer, Observers
from reaper.options import REPEATED, Reloadable, configurable, read_again
from reaper.outcome import Count, Run
from reaper.pacing import Pace
from reaper.progress import Bar
from reaper.status import status
from reaper.stop import Stop
from reaper.supervise import Supervisor
from wsgi_chaisession.errors import SessionError, StoreUnavailable
from wsgi_chaisession.programs import EXIT_CODES, Exit, exit_code, run_program
from wsgi_chaisession.targets import ConfigurationError, check_target, existing_store

PROGRAM = "chaisession-reaper"

PRECEDENCE = """An option on the command line goes before the environment, that before --config, that before
the default."""

log = logging.getLogger("reaper")


@click.group(
    epilog=EXIT_CODES, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="wsgi-chaisession", prog_name=PROGRAM)
def reaper() -> None:
    """Delete expired sessions, in small batches, beside the web workers.

    STORE is the database's directory or a postgresql:// URL; the environment variable CHAISESSION_STORE does
    as well. The reaper never creates a database. (Known elsewhere as clearsessions or session cleanup.)
    """


@reaper.command(epilog=f"{PRECEDENCE}\n\n{EXIT_CODES}", cls=Reloadable)
@configurable(*REPEATED)
@click.pass_context
def run(
    context: click.Context,
    /,
    *,
    store: str,
    interval: float,
    timeout: float,
    metrics_file: Path | None,
    as_json: bool,
    dry_run: bool,
    verbose: bool,
    **pace: Any,
) -> None:
    """Delete expired sessions every INTERVAL until SIGTERM or SIGINT.

    A store that is down is tried again, with growing pauses, for as long as it takes. The batch under way is
    finished before the program ends. SIGHUP reads --config again and starts a run; a file with a fault is
    told of and changes nothing. systemd's Type=notify and WatchdogSec= are supported.
    """
    _log_to_stderr(verbose=verbose)
    if interval == 0:
        click.echo(f"{PROGRAM}: disabled (--interval 0)", err=True)
        return
    stop, supervisor = Stop(), Supervisor()
    _check_watchdog(supervisor.watchdog, timeout)
    reload = Reload(context, stop, supervisor)
    observers = _observers(metrics_file, as_json=as_json, supervisor=supervisor)
    worker = Reaper(
        existing_store(store, timeout=timeout),
        Pace(interval=interval, **pace),
        observers=observers,
        before_run=partial(_prepare, store),
        hopeless=_hopeless,
        reload=reload.take,
        dry_run=dry_run,
        stop=stop,
    )
    with _handled({signal.SIGTERM: stop.set, signal.SIGINT: stop.set, signal.SIGHUP: reload.ask}):
        worker.run()


@reaper.command(epilog=f"{PRECEDENCE}\n\n{EXIT_CODES}")
@configurable()
def once(
    *,
    store: str,
    timeout: float,
    metrics_file: Path | None,
    as_json: bool,
    dry_run: bool,
    verbose: bool,
    **pace: Any,
) -> None:
    """Delete expired sessions now, print one summary line and end (for cron and timers).

    A terminal is shown a progress bar.
    """
    _log_to_stderr(verbose=verbose)
    stop = Stop()
    with _handled({signal.SIGTERM: stop.set, signal.SIGINT: stop.set}):
        with Bar(sys.stderr) as bar:
            observers = _observers(metrics_file, as_json=as_json, progress=bar)
            worker = Reaper(
                existing_store(store, timeout=timeout),
                Pace(**pace),
                observers=observers,
                before_run=partial(_still_there, store),
                stop=stop,
            )
            worker.wait_jitter()
            outcome = worker.count_once() if dry_run else worker.run_once()
        _echo(outcome, as_json=as_json)


reaper.add_command(status)
reaper.add_command(install)


class Reload:
    """Reads the options again when SIGHUP asked for it."""

    def __init__(self, context: click.Context, stop: Stop, supervisor: Supervisor) -> None:
        self._context = context
        self._stop = stop
        self._supervisor = supervisor
        self._asked = False

    def ask(self) -> None:
        """For the signal handler."""
        self._asked = True
        self._stop.wake()

    def take(self) -> Pace | None:
        """Return the new pace; None when nobody asked, or when the new options cannot be used."""
        if not self._asked:
            return None
        self._asked = False
        self._supervisor.reloading()
        try:
            pace = self._read()
        except ConfigurationError as error:
            log.warning("the old settings stay: %s", error)
            self._supervisor.ready(f"the old settings stay: {error}")
            return None
        log.info("new settings: %s", pace)
        self._supervisor.ready("new settings were read")
        return pace

    def _read(self) -> Pace:
        old, new = self._context.params, read_again(self._context)
        fields = [field.name for field in dataclasses.fields(Pace)]
        for name in new:
            if name not in fields and new[name] != old[name]:
                raise ConfigurationError(f"{name.replace('_', '-')} has changed, which takes a restart")
        if new["interval"] == 0:
            raise ConfigurationError("interval is 0: stop the service to disable it")
        return Pace(**{name: new[name] for name in fields})


def _observers(metrics_file: Path | None, *, as_json: bool, **others: Any) -> Observers:
    if metrics_file is not None:
        others["metrics"] = _metrics(metrics_file)
    if as_json:
        others["report"] = partial(_echo, as_json=True)
    return Observers(**others)


def _check_watchdog(watchdog: float | None, timeout: float) -> None:
    """Refuse a watchdog that would bite while a call to the store is merely slow; both in seconds."""
    if watchdog is not None and watchdog <= 2 * timeout:
        raise ConfigurationError(
            f"the watchdog waits {watchdog:g} s for a sign of life, and a call to the store may take twice "
            f"--timeout, which is {timeout:g} s: raise WatchdogSec= or lower --timeout"
        )


def _metrics(path: Path) -> Observer:
    try:
        from reaper.metrics import MetricsFile  # noqa: PLC0415 - its library is optional
    except ImportError as error:
        raise ConfigurationError(
            "--metrics-file needs prometheus-client: install wsgi-chaisession[metrics]"
        ) from error
    metrics = MetricsFile(path)
    try:
        metrics.check()
    except OSError as error:
        raise ConfigurationError(
            f"metrics-file: {path} cannot be written: {error.strerror or error}"
        ) from error
    return metrics


def _prepare(store: str) -> None:
    orphans.collect()  # here none of the store's own is being waited for
    _still_there(store)


def _still_there(store: str) -> None:
    """A directory that vanishes (its disk is not mounted, say) is waited for, not made anew."""
    try:
        check_target(store)
    except ConfigurationError as error:
        raise StoreUnavailable(str(error)) from error


def _hopeless(error: SessionError) -> bool:
    return exit_code(error) is Exit.CONFIGURATION


def _echo(outcome: Run | Count, *, as_json: bool) -> None:
    click.echo(json.dumps(dataclasses.asdict(outcome)) if as_json else str(outcome))


@contextlib.contextmanager
def _handled(handlers: dict[signal.Signals, Callable[[], None]]) -> Generator[None, None, None]:
    """Call these for signals meanwhile."""

    def handle(number: int, _frame: FrameType | None) -> None:
        handlers[signal.Signals(number)]()

    before = {number: signal.signal(number, handle) for number in handlers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_to_stderr(*, verbose: bool) -> None:
    logging.basicConfig(format="%(asctime)s reaper: %(message)s", level=logging.WARNING)
    for name in ("reaper", "wsgi_chaisession.programs"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbose else logging.INFO)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_program(reaper, PROGRAM, argv)
