"""The command line: look after the server of a directory."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import click
import psycopg

from chaisql.address import STATE_FILE, Address, choose_socket_dir, published_address
from chaisql.cli_maintenance import COMMANDS, DIRECTORY, existing
from chaisql.directory import prepare, resolve
from chaisql.exits import MEANINGS, CommandError, Exit, exit_of
from chaisql.launch import command_line
from chaisql.locate import find_server
from chaisql.probe import Answer, Presence, ask
from chaisql.process import described, end
from chaisql.shell.command import shell
from chaisql.version import VERSION

SECONDS = click.FloatRange(min=0, min_open=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; errors become one line and an exit code."""
    try:
        return cli.main(argv, prog_name="chaisql", standalone_mode=False) or 0
    except click.UsageError as error:
        program = error.ctx.command_path if error.ctx else "chaisql"
        return _complain(f"{error.format_message().rstrip('.')} (see {program} --help)", Exit.USAGE)
    except click.Abort:
        return _complain("interrupted", Exit.INTERRUPTED)
    except (CommandError, OSError, psycopg.Error) as error:
        return _complain(str(error), exit_of(error))


def _complain(message: str, code: Exit) -> int:
    click.echo(f"chaisql: {' '.join(message.splitlines())}", err=True)
    return code


@click.group(
    help="Look after a Chai database directory and its server.\n\n\b\nExit codes:\n"
    + "\n".join(f"  {code:<4}{meaning}" for code, meaning in MEANINGS.items()),
    no_args_is_help=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def cli() -> None:
    pass


for command in (*COMMANDS, shell):
    cli.add_command(command)


@cli.command(short_help="Serve a directory in the foreground.")
@DIRECTORY
@click.option(
    "--idle-exit",
    type=SECONDS,
    metavar="SECONDS",
    help="End after so many seconds without connections; else never.",
)
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warn", "error"]), default="info", show_default=True
)
def serve(directory: Path, idle_exit: float | None, log_level: str) -> None:
    """Serve DIRECTORY in the foreground, under a supervisor for instance; the log goes to standard error.

    SIGTERM and Ctrl-C end it in good order.
    """
    place = resolve(str(directory))
    prepare(place)
    argv = command_line(
        place, socket_dir=choose_socket_dir(place), idle_exit=idle_exit, options=["--log-level", log_level]
    )
    os.execv(argv[0], argv)  # noqa: S606 - the supervisor's signals must reach the server itself


@cli.command(short_help="Tell whether a directory is served.")
@DIRECTORY
def status(directory: Path) -> int:
    """Tell whether DIRECTORY is served, by which process and where; exit code 3 when it is not."""
    address, answer = _look(directory)
    if answer.presence is Presence.ABSENT:
        return _absent(directory)
    pid, version = answer.pid or address.pid, address.version or "unknown"
    click.echo(f"{answer.presence.value}: pid {pid}, version {version}, socket {address.socket}")
    return 0


@cli.command(short_help="Stop the server of a directory.")
@DIRECTORY
@click.option(
    "--timeout",
    type=SECONDS,
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for its end.",
)
def stop(directory: Path, timeout: float) -> int:
    """Stop the server of DIRECTORY: it finishes what runs and ends."""
    address, answer = _look(directory)
    if answer.presence is Presence.ABSENT:
        return _absent(directory)
    pid = _own_server(address, answer)
    if not end(pid, timeout=timeout):
        return _complain(f"chaisqld {pid} still runs after {timeout:g} s", Exit.TRY_LATER)
    click.echo(f"stopped chaisqld {pid}")
    return 0


@cli.command(short_help="Print the versions of the package and its server.")
def version() -> None:
    """Print the versions of the package and of the server inside it."""
    server = find_server()
    told = subprocess.run([server, "version"], capture_output=True, text=True, timeout=10, check=False)
    click.echo(f"chai-python {VERSION}")
    click.echo(f"{told.stdout.strip() or 'unknown version'} ({server})")


def _look(directory: Path) -> tuple[Address, Answer]:
    address = published_address(existing(directory))
    return address, ask(address)


def _own_server(address: Address, answer: Answer) -> int:
    """The process to signal: the one that listens, if it is the server that made the state file.

    Else it is somebody else's: PostgreSQL's, or a service manager's that holds the socket for its server.
    """
    if answer.pid is None:
        raise CommandError(f"the kernel does not tell which process listens at {address.socket}")
    if answer.pid != address.pid:
        server = "no server" if address.pid is None else f"process {address.pid}"
        raise CommandError(
            f"{described(answer.pid)} listens at {address.socket}, but {STATE_FILE} names {server}: "
            "stop it with what started it, such as `systemctl stop` of its service and its socket"
        )
    return answer.pid


def _absent(directory: Path) -> int:
    click.echo(f"no server runs for {directory}")
    return Exit.NOT_RUNNING
