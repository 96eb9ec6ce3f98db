"""How ``chaisession`` and ``chaisession-reaper`` end and speak: exit codes, errors, the reaper's last run."""

import enum
import logging
from collections.abc import Sequence

import click

from .errors import SessionError, StoreError
from .store import ReaperStatus
from .targets import ConfigurationError

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
    click.echo(f"{name}: {' '.join(message.split())}", err=True)
    log.debug("the cause:", exc_info=error)  # shown where a program was asked to be verbose
    return code


def last_run(reaper: ReaperStatus) -> str:
    """Return the reaper's last run and its totals in one line."""
    return (
        f"{reaper.finished:%Y-%m-%d %H:%M:%S} UTC, {reaper.age:.0f} s ago, "
        f"deleted {reaper.last_deleted} in {reaper.seconds:.3f} s; "
        f"{reaper.deleted} in {reaper.runs} runs altogether"
    )
