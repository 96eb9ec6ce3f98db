"""The command ``chaisession``."""

from collections.abc import Sequence

import click

from .chai import ChaiStore
from .programs import EXIT_CODES, last_run, run_program
from .targets import existing_store, is_url, store_argument

TIMEOUT = 30.0  # seconds for one call; the first may have to start chaisqld and let it recover


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


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    return run_program(chaisession, "chaisession", argv)
