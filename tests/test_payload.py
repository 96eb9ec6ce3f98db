"""What a session consists of, when two requests change it and when it becomes part of another."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wsgi_chaisession import Flash
from wsgi_chaisession.payload import Payload, rebase

NOW = datetime(2030, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BASE = Payload(
    NOW, HOUR, {"a": [1]}, {1: Flash("base", "info")}, principal="ada", since=NOW, label="base", remember=True
)
OTHERS: dict[str, tuple[Any, Any]] = {
    "deadline": (NOW + HOUR, NOW + 2 * HOUR),
    "idle_timeout": (None, 2 * HOUR),
    "remember": (False, False),
    "principal": ("bob", None),
    "since": (NOW + HOUR, None),
    "label": ("theirs", "mine"),
}


def rebased(mine: Payload, theirs: Payload) -> Payload:
    return rebase(mine, BASE, theirs, lambda one, other: bool(one == other))


@pytest.mark.parametrize("part", OTHERS)
def test_of_each_part_the_last_change_wins(part: str) -> None:
    theirs = replace(BASE, **{part: OTHERS[part][0]})
    mine = replace(BASE, **{part: OTHERS[part][1]})
    assert rebased(BASE, theirs) == theirs, "theirs alone"
    assert rebased(mine, BASE) == mine, "mine alone"
    assert rebased(mine, theirs) == mine, "both: mine comes later"


def test_parts_that_both_change_differently_come_together() -> None:
    theirs = replace(BASE, label="theirs", values={"a": [1], "b": 2}, flashes={})
    mine = replace(BASE, deadline=NOW + HOUR, values={}, flashes={**BASE.flashes, 2: Flash("mine", "info")})
    assert rebased(mine, theirs) == replace(
        BASE, label="theirs", deadline=NOW + HOUR, values={"b": 2}, flashes={2: Flash("mine", "info")}
    )


def test_a_message_of_the_same_text_is_another_message() -> None:
    """Shown here, and left anew there."""
    theirs = replace(BASE, flashes={})
    mine = replace(BASE, flashes={2: Flash("base", "info")})
    assert list(rebased(mine, theirs).flashes) == [2]


def test_what_nobody_has_changed_stays_the_object_that_the_application_holds() -> None:
    mine = replace(BASE, values={"a": [1], "mine": 1})
    theirs = replace(BASE, values={"a": [1], "theirs": 1})
    assert rebased(mine, theirs).values["a"] is mine.values["a"]
    changed = replace(BASE, values={"a": [2]})
    assert rebased(mine, changed).values["a"] is changed.values["a"]
