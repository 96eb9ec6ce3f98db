"""The command ``chaisession-reaper status``: is the reaper at work, for people and for monitoring."""

import dataclasses
import json
from typing import Any

import click

from reaper.durations import positive_duration
from wsgi_chaisession.programs import EXIT_CODES, last_run
from wsgi_chaisession.store import ReaperStatus
from wsgi_chaisession.targets import existing_store, store_argument

STALE = 1  # exit code
DEFAULT_MAX_AGE = 900.0  # seconds, where the last run told no interval
EPILOG = EXIT_CODES.replace("  64", "  1   stale: the last run is too long ago, or there was none\n  64", 1)


@click.command(epilog=EPILOG)
@store_argument
@click.option(
    "--max-age",
    type=positive_duration,
    metavar="DURATION",
    help="Age of the last run from which it is stale.  [default: twice the interval that the last run "
    "recorded, else 15m]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--timeout", type=positive_duration, metavar="DURATION", default="30s", help="Longest wait for the store."
)
def status(store: str, *, max_age: float | None, as_json: bool, timeout: float) -> int:
    """Say when the reaper last ran and what is left; exit with 1 when that was too long ago.

    Times are judged by the database's clock. The lag is the age of the oldest expired session.
    """
    sessions = existing_store(store, timeout=timeout)
    try:
        last, lag = sessions.reaper_status(), sessions.reaper_lag()
    finally:
        sessions.close()
    fresh = is_fresh(last, max_age)
    click.echo(_as_json(last, lag, fresh=fresh) if as_json else "\n".join(_lines(last, lag, fresh=fresh)))
    return 0 if fresh else STALE


def is_fresh(last: ReaperStatus | None, max_age: float | None = None) -> bool:
    """Say whether the last run is recent enough; max_age in seconds."""
    if last is None:
        return False
    if max_age is None:
        max_age = DEFAULT_MAX_AGE if last.interval is None else 2 * last.interval
    # A clock that was set back makes the last run one of the future, which says nothing of the present.
    return abs(last.age) <= max_age


def _lines(last: ReaperStatus | None, lag: float, *, fresh: bool) -> list[str]:
    told = "the reaper never ran" if last is None else f"last run {last_run(last)}"
    return [f"{'fresh' if fresh else 'stale'}: {told}", f"lag: {lag:.1f} s"]


def _as_json(last: ReaperStatus | None, lag: float, *, fresh: bool) -> str:
    told: dict[str, Any] = {"fresh": fresh, "lag": lag}
    if last is not None:
        told |= dataclasses.asdict(last) | {"finished": last.finished.isoformat()}
    return json.dumps(told)
