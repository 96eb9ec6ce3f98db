"""Percentiles, and ratios of interleaved rounds.

A machine that others use as well is faster one moment and slower the next. So two contenders are compared
within each round; reported is the median of these ratios, with the middle half of them as their spread.
"""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Percentiles:
    """Microseconds."""

    p50: float
    p90: float
    p99: float
    max: float


def percentiles(nanoseconds: Sequence[int]) -> Percentiles:
    ordered = sorted(nanoseconds)
    p50, p90, p99, longest = (percentile(ordered, percent) / 1000 for percent in (50, 90, 99, 100))
    return Percentiles(p50, p90, p99, longest)


def percentile(values: Sequence[float], percent: int) -> float:
    """By nearest rank, as the load program does it."""
    return sorted(values)[max(-(-len(values) * percent // 100), 1) - 1]


@dataclass(frozen=True)
class Ratio:
    """How many times one contender's figure is another's."""

    median: float
    low: float  # a quarter of the rounds is below
    high: float  # a quarter of the rounds is above
    rounds: int

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"

    def as_dict(self) -> dict[str, float]:
        return {name: round(value, 4) for name, value in asdict(self).items()}


def ratio(of: Sequence[float], to: Sequence[float]) -> Ratio:
    """The ratio of two figures that were taken in the same rounds."""
    each = sorted(a / b for a, b in zip(of, to, strict=True))
    if len(each) == 1:
        return Ratio(each[0], each[0], each[0], 1)
    low, median, high = statistics.quantiles(each, n=4, method="inclusive")
    return Ratio(median, low, high, len(each))
