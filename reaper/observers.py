"""Whom the reaper tells what it does: the service manager, the metrics file, a person who waits, the log."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from reaper.outcome import Count, Run
from reaper.store import ReapableStore
from reaper.supervise import Supervisor

log = logging.getLogger("reaper")


class Observer:
    """Told of every attempt while the store can still be asked; this one does nothing with it."""

    def succeeded(self, store: ReapableStore, complete: bool) -> None:  # noqa: FBT001 - as Run has it
        """Take in a run that was recorded. A SessionError from here is logged; the run stays a success."""

    def failed(self) -> None:
        """Take in a run that the store failed."""


def _log(outcome: Run | Count) -> None:
    log.info("%s", outcome)


def _pass_by(_store: ReapableStore, _deleted: int) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """Everybody who is told; who is not named is nobody, and what a run did is logged."""

    supervisor: Supervisor = field(default_factory=lambda: Supervisor({}))
    """The service manager: readiness, status, signs of life."""
    metrics: Observer = field(default_factory=Observer)
    """Told after each attempt."""
    progress: Callable[[ReapableStore, int], None] = _pass_by
    """Told the store and the number of rows after each batch."""
    report: Callable[[Run | Count], None] = _log
    """Told what each run did, or in a dry run would have done."""
