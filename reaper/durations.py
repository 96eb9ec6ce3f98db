"""Durations on the command line: ``10ms``, ``30s``, ``5m``, ``1h``, ``1d``; ``0`` needs no unit."""

import re

import click

UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}  # seconds
LONGEST = 366 * UNITS["d"]

_PATTERN = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,9})?)(?P<unit>ms|s|m|h|d)", re.ASCII)


def duration(text: str) -> float:
    """Return the seconds that ``text`` stands for."""
    if text == "0":
        return 0.0
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise click.BadParameter(
            f"{text!r} is not a duration: write a number and its unit, such as 500ms, 30s, 5m or 1h"
        )
    seconds = float(match["number"]) * UNITS[match["unit"]]
    if seconds > LONGEST:
        raise click.BadParameter(f"{text!r} is longer than a year")
    return seconds


def positive_duration(text: str) -> float:
    """Return the seconds that ``text`` stands for; 0 is refused."""
    seconds = duration(text)
    if seconds == 0:
        raise click.BadParameter(f"{text!r} must be more than 0")
    return seconds
