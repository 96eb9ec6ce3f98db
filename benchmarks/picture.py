"""The reaper's batch times over a run, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure


def draw(path: Path, batches: Sequence[tuple[float, int, float]]) -> None:
    """Draw, over the run's seconds, how long its batches took and how many rows they deleted."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    times, rates = figure.subplots(2, sharex=True)
    times.plot(
        [s for s, _, _ in batches],
        [m for _, _, m in batches],
        ".",
        markersize=1.5,
        color="0.7",
        label="each batch",
    )
    seconds: dict[int, list[tuple[int, float]]] = {}
    for second, rows, milliseconds in batches:
        seconds.setdefault(int(second), []).append((rows, milliseconds))
    middles = [sorted(m for _, m in some)[len(some) // 2] for some in seconds.values()]
    times.plot([s + 0.5 for s in seconds], middles, color="C0", label="median of a second")
    times.set(ylabel="milliseconds of a batch", yscale="log")
    times.legend(loc="upper right")
    rates.plot([s + 0.5 for s in seconds], [sum(r for r, _ in some) for some in seconds.values()], color="C0")
    rates.set(xlabel="seconds since the first batch", ylabel="rows deleted per second")
    rates.set_ylim(bottom=0)
    figure.savefig(path)
