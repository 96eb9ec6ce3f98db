"""Lengths of time that somebody waits: checked where they are given."""

from math import isfinite


def check_seconds(name: str, seconds: float) -> None:
    """Refuse what is no length of time that one could wait."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError(f"{name} is a number of seconds, not {type(seconds).__name__}")
    if not (isfinite(seconds) and seconds > 0):
        raise ValueError(f"{name} must be positive and finite, not {seconds}")
