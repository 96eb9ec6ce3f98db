"""docs/middleware.md and the pages around it agree with the middleware; their Python is run."""

import inspect
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from wsgi_chaisession import MsgpackCodec, SessionMiddleware
from wsgi_chaisession.clash import FIRST_RESPONSES
from wsgi_chaisession.commit import ATTEMPTS
from wsgi_chaisession.payload import MAX_LIFE
from wsgi_chaisession.session import MAX_FLASHES
from wsgi_chaisession.visit import MAX_CANDIDATES

DOCS = Path(__file__).parents[1] / "docs"
MANUAL = (DOCS / "middleware.md").read_text()
EXAMPLE = re.findall(
    r"^```python\n(.*?)^```$", (DOCS / "reference" / "testing.md").read_text(), re.MULTILINE | re.DOTALL
)


def test_it_lists_every_option_with_its_default() -> None:
    options = [
        option
        for option in inspect.signature(SessionMiddleware).parameters.values()
        if option.kind is option.KEYWORD_ONLY
    ]
    defaults = {timedelta(hours=24): "timedelta(hours=24)"}
    assert re.findall(r"^\| `(\w+)` \| `([^`]+)` \|", MANUAL, re.MULTILINE) == [
        (option.name, defaults.get(option.default) or repr(option.default)) for option in options
    ]


def test_its_numbers_are_the_programs() -> None:
    words = {MAX_CANDIDATES: "at most five", ATTEMPTS: f"{ATTEMPTS} times in a row"}
    for told in (
        *words.values(),
        f"At most {MAX_FLASHES} messages",
        f"up to {MAX_LIFE.days} days",
        f"above {MsgpackCodec().max_bytes // 1024} KiB",
        f"the first {FIRST_RESPONSES:,} of those",
    ):
        assert told in MANUAL


def test_it_lists_every_counter() -> None:
    documented = re.search(r"`middleware\.counters` counts.*?\n\n", MANUAL, re.DOTALL)
    assert documented is not None
    source = "".join(path.read_text() for path in (DOCS.parent / "wsgi_chaisession").glob("*.py"))
    counted = set(re.findall(r"counters\[\"(\w+)\"\]", source))
    assert counted <= set(re.findall(r"`(\w+)`", documented[0]))
    assert counted <= set(re.findall(r"``(\w+)``", SessionMiddleware.counters.__doc__ or ""))


def run(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(compile(source, "testing.md", "exec"), names)
    return names


@pytest.mark.parametrize("name", re.findall(r"^def (test_\w+)", EXAMPLE[0], re.MULTILINE))
def test_the_tests_that_the_reference_shows_pass(name: str) -> None:
    run(EXAMPLE[0])[name]()
