"""How fast the reaper goes: rows per batch while the store answers, waiting times while it does not."""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The reaper's settings, checked."""

    interval: float = 300.0  # seconds from the end of a run to the next
    batch_rows: int = 100  # most rows in one batch
    max_hold: float = 0.010  # seconds that one batch may keep the database's writer busy
    pause: float = 0.050  # seconds between batches
    time_budget: float = 60.0  # seconds for one run; the rest waits for the next
    jitter: float = 0.0  # seconds at most that are added to the interval at random

    def __post_init__(self) -> None:
        for name in ("interval", "batch_rows", "max_hold", "time_budget"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be more than 0")
        for name in ("pause", "jitter"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}: it must not be negative")

    def delay(self) -> float:
        """Return the random part of one interval."""
        return random.random() * self.jitter if self.jitter else 0.0  # noqa: S311 - nothing is secret here


class BatchSize:
    """Rows to ask for in the next batch, adapted so that a batch holds the writer for ``max_hold`` seconds.

    What a batch takes is a fixed part (round trip, queue, the disk's sync) and a part that grows with its
    rows. Only the second is worth shrinking: on a slow disk a batch of one row would be no quicker than
    one of fifty. So sizes start at one row and double, the quickest batch so far is taken as the fixed
    part, and the rest is held against ``max_hold``.
    """

    def __init__(self, *, most: int, max_hold: float) -> None:
        self.rows = 1
        self._most = most
        self._max_hold = max_hold
        self._fixed = math.inf

    def learn(self, seconds: float) -> None:
        """Take in how long a batch of ``rows`` took."""
        # A batch of one row cannot be made smaller: whatever it took is fixed cost, now.
        self._fixed = seconds if self.rows == 1 else min(self._fixed, seconds)
        held = seconds - self._fixed
        if held > self._max_hold:
            self.rows = max(1, self.rows // 2)
        elif held < self._max_hold / 2:
            self.rows = min(self._most, self.rows * 2)

    def shrink(self) -> bool:
        """Take in that the database ended the batch; False when no smaller one is left to try."""
        if self.rows == 1:
            return False
        self.rows = self._most = self.rows // 2
        return True


class Backoff:
    """Seconds until the next try: doubling from ``first``, each shortened by up to half.

    The random part keeps the reapers of several machines from knocking at a returning server together.
    """

    def __init__(self, *, first: float, jitter: Callable[[], float] = random.random) -> None:
        self._first = first
        self._jitter = jitter
        self._failures = 0

    def failed(self, most: float) -> float:
        """Count a failure and return how many seconds to wait, ``most`` at the most."""
        longest = min(most, self._first * 2.0 ** min(self._failures, 32))
        self._failures += 1
        return longest * (1 - self._jitter() / 2)

    def succeeded(self) -> None:
        """Forget the failures."""
        self._failures = 0
