"""Durations as people write them on a command line."""

import click
import pytest

from reaper.durations import duration, positive_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("10ms", 0.01), ("30s", 30), ("5m", 300), ("1.5h", 5400), ("2d", 172_800)],
)
def test_a_number_and_its_unit(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["5", "", "m", "-5m", "5 m", "5M", "1e3s", "5m30s", "٣s", "nan", "1" * 20 + "s"]
)
def test_anything_else_is_refused_with_what_was_written(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not a duration: write a number and its unit") as caught:
        duration(text)
    assert repr(text) in str(caught.value)


def test_more_than_a_year_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="longer than a year"):
        duration("400d")


def test_where_zero_makes_no_sense_it_is_refused() -> None:
    with pytest.raises(click.BadParameter, match="must be more than 0"):
        positive_duration("0s")
