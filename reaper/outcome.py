"""What a run did, or would have had to do, as people and programs are told of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did."""

    deleted: int
    batches: int
    seconds: float
    complete: bool  # False: the time budget or a stop request ended it, more may be waiting

    def __str__(self) -> str:
        sessions = _plural(self.deleted, "expired session", "expired sessions")
        text = f"deleted {sessions} in {_plural(self.batches, 'batch', 'batches')}, {self.seconds:.3f} s"
        return text if self.complete else f"{text}; more may be waiting"


@dataclass(frozen=True, slots=True)
class Count:
    """What a run would have had to do."""

    expired: int

    def __str__(self) -> str:
        return f"{_plural(self.expired, 'expired session', 'expired sessions')} would be deleted"


def _plural(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
