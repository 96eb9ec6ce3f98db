"""The command ``chaisession``, and what ``chaisession-reaper`` shares with it: targets and exit codes."""

import enum
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import psycopg
from psycopg.conninfo import conninfo_to_dict

import chaisql
from wsgi_chaisession.chai import ChaiStore
from wsgi_chaisession.errors import SessionError, StoreError
from wsgi_chaisession.store import ReaperStatus

CHAI_DATA = "pebble"  # the folder in which Chai keeps its files
REMEDY = "start the application, or run chaisession create-schema"
TIMEOUT = 30.0  # seconds for one call; the first may have to start chaisqld and let it recover
# SQLSTATEs of tables that are missing, of another shape, or not for this user: of column, table, operator,
# datatype and privilege.
FOREIGN = ("42703", "42P01", "42883", "42804", "42501")

log = logging.getLogger(__name__)


class Exit(enum.IntEnum):
    """Exit codes, those of sysexits.h."""

    DONE = 0
    USAGE = 64
    INTERNAL = 70
    UNAVAILABLE = 75
    CONFIGURATION = 78


EXIT_CODES = """\b
Exit codes:
  0   done
  64  wrong usage
  70  internal failure
  75  the store is unavailable: try again later
  78  the store that was named cannot be used: see the message
"""


class ConfigurationError(Exception):
    """What was asked for cannot work until somebody changes something; the message says what."""


store_argument = click.argument("store", envvar="CHAISESSION_STORE")


def existing_store(target: str, *, timeout: float) -> ChaiStore:
    """Return the store of a database that must be there already: who looks after one never creates it.

    :param timeout: seconds that one call to the store may take.
    """
    check_target(target)
    return ChaiStore(target, timeout=timeout)


def check_target(target: str) -> None:
    """Refuse a store that cannot be one, before anything is started for it."""
    if is_url(target):
        return
    try:
        _check_directory(target)
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be used: {error.strerror}") from error


def _check_directory(target: str) -> None:
    directory = Path(target)
    if not directory.exists():
        raise ConfigurationError(f"{target} does not exist: {REMEDY} {target}")
    if not directory.is_dir():
        raise ConfigurationError(f"{target} is not a directory")
    if not (directory / CHAI_DATA).is_dir():
        raise ConfigurationError(f"{target} holds no Chai database: {REMEDY} {target}")


def is_url(target: str) -> bool:
    """Tell a store behind a URL from one in a directory; refuse what is neither."""
    try:
        kind = chaisql.target_kind(target)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    if kind is chaisql.TargetKind.MEMORY:
        raise ConfigurationError(f"{target} is no store that anybody else could use: give a directory")
    if kind is chaisql.TargetKind.URL:
        _check_url(target)
    return kind is chaisql.TargetKind.URL


def _check_url(url: str) -> None:
    """Refuse a URL that libpq does not understand, without repeating any of it."""
    try:
        conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        reason = str(error).partition('"')[0].rstrip(" :")  # what libpq quotes may be the password
        raise ConfigurationError(f"the postgresql:// URL cannot be understood: {reason}") from None


def exit_code(error: SessionError) -> Exit:
    """Tell a store that may come back from one that somebody has to repair."""
    if not isinstance(error, StoreError):
        return Exit.INTERNAL
    cause: BaseException | None = error
    while cause is not None:
        if getattr(cause, "permanent", False) or getattr(cause, "sqlstate", None) in FOREIGN:
            return Exit.CONFIGURATION
        cause = cause.__cause__
    return Exit.UNAVAILABLE


def run_program(command: click.Command, name: str, argv: Sequence[str] | None) -> int:
    """Run ``command``; turn every end into an exit code and at most one line on stderr."""
    try:
        status = command.main(args=argv, prog_name=name, standalone_mode=False)
    except click.Abort:
        return _fail(name, "interrupted", Exit.INTERNAL)
    except click.UsageError as error:
        program = error.ctx.command_path if error.ctx else name
        return _fail(name, f"{error.format_message().rstrip('.')} (see {program} --help)", Exit.USAGE)
    except ConfigurationError as error:
        return _fail(name, str(error), Exit.CONFIGURATION, error)
    except SessionError as error:
        return _fail(name, str(error), exit_code(error), error)
    except Exception as error:  # noqa: BLE001 - an operator gets one line, whatever went wrong
        return _fail(name, f"internal failure: {type(error).__name__}: {error}", Exit.INTERNAL, error)
    return int(status or Exit.DONE)


def _fail(name: str, message: str, code: Exit, error: BaseException | None = None) -> int:
    print(f"{name}: {' '.join(message.split())}", file=sys.stderr)
    log.debug("the cause:", exc_info=error)  # shown where a program was asked to be verbose
    return code


@click.group(
    epilog=EXIT_CODES, no_args_is_help=False, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="wsgi-chaisession", prog_name="chaisession")
def chaisession() -> None:
    """Look after a session store.

    STORE is the database's directory or a postgresql:// URL; the environment variable CHAISESSION_STORE does
    as well.
    """


@chaisession.command(epilog=EXIT_CODES)
@store_argument
def stats(store: str) -> None:
    """Show how many sessions there are and when the reaper last ran."""
    sessions = existing_store(store, timeout=TIMEOUT)
    try:
        active, expired, lag = sessions.count(), sessions.count_expired(), sessions.reaper_lag()
        reaper = sessions.reaper_status()
    finally:
        sessions.close()
    click.echo(f"active sessions:        {active}")
    click.echo(f"expired, not deleted:   {expired}" + (f", the oldest for {lag:.0f} s" if expired else ""))
    click.echo(f"reaper's last run:      {last_run(reaper) if reaper else 'never'}")


@chaisession.command("create-schema", epilog=EXIT_CODES)
@store_argument
def create_schema(store: str) -> None:
    """Create the database if it does not exist, and its tables. Harmless when all is there."""
    is_url(store)  # refuses what is no store
    sessions = ChaiStore(store, timeout=TIMEOUT)
    try:
        sessions.create_schema()
    finally:
        sessions.close()


def last_run(reaper: ReaperStatus) -> str:
    """Return the reaper's last run and its totals in one line."""
    return (
        f"{reaper.finished:%Y-%m-%d %H:%M:%S} UTC, {reaper.age:.0f} s ago, "
        f"deleted {reaper.last_deleted} in {reaper.seconds:.3f} s; "
        f"{reaper.deleted} in {reaper.runs} runs altogether"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_program(chaisession, "chaisession", argv)
