"""What docs/migrating.md promises exists under the names that it gives, and its Python runs."""

import inspect
import re

from documents import ROOT, blocks
from wsgi_chaisession import Cookie, Session, SessionMiddleware

PAGE = (ROOT / "docs" / "migrating.md").read_text()
# The last column of every table, and its code alone.
HERE = [
    code
    for row in re.findall(r"^\|.*\| ([^|]*) \|$", PAGE, re.MULTILINE)
    for code in re.findall(r"`([^`]+)`", row)
]


def test_its_python_runs() -> None:
    (source,) = blocks(PAGE, "python")
    exec(compile(source, "migrating.md", "exec"), {})


def test_the_names_of_this_package_exist() -> None:
    for thing, name in [("session", Session), ("middleware", SessionMiddleware)]:
        named = {word for code in HERE for word in re.findall(rf"^(?:not )?{thing}\.(\w+)", code)}
        assert named
        assert [word for word in named if not hasattr(name, word)] == []


def test_the_options_of_this_package_exist() -> None:
    options = {*inspect.signature(SessionMiddleware).parameters, *inspect.signature(Cookie).parameters}
    named = {word for code in HERE for word in re.findall(r"\b(\w+)=", code)}
    assert len(named) > 5
    assert named <= options
