"""The programs of docs/frameworks.md work, and so do the tests that it shows beside them."""

import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaisql.cli import main as chaisql_main
from documents import ROOT, blocks, section
from wsgi_chaisession import ChaiStore

PAGE = (ROOT / "docs" / "frameworks.md").read_text()
SETTINGS = 'ALLOWED_HOSTS = ["*"]\nROOT_URLCONF = "mysite.urls"\nSECRET_KEY = "secret"\nUSE_TZ = True\n'


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stores: list[ChaiStore]) -> Iterator[Path]:
    """The folder where the page's files are, which is the current one; modules from it are forgotten."""
    before = set(sys.modules)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]
    chaisql_main(["stop", "chai_db"])


def write_files(title: str, place: Path) -> list[str]:
    """Write each block of a section under the name in its first line; return the names of the tests."""
    names = []
    for block in blocks(section(PAGE, title), "python"):
        name = block.splitlines()[0].removeprefix("# ")
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text(block)
        names.append(name.removesuffix(".py").replace("/", "."))
    return [name for name in names if "test_" in name]


@pytest.mark.parametrize("title", ["Bare WSGI", "Flask", "Bottle", "Pyramid", "Falcon"])
def test_a_frameworks_program_passes_its_test(title: str, place: Path) -> None:
    (name,) = write_files(title, place)
    module = importlib.import_module(name)
    tests = [value for key, value in vars(module).items() if key.startswith("test_")]
    assert tests
    for test in tests:
        test()


def test_djangos_program_passes_its_test(place: Path) -> None:
    """In a process of its own: Django's settings are those of the whole process."""
    (name,) = write_files("Django", place)
    (place / "mysite" / "settings.py").write_text(SETTINGS)
    code = f"from {name} import test_visits; test_visits()"
    subprocess.run([sys.executable, "-c", code], cwd=place, timeout=60, check=True)


def test_every_framework_of_the_table_has_its_section() -> None:
    titles = re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    assert re.findall(r"^\| \[(.*?)\]\(#", PAGE, re.MULTILINE) == [
        title if title != "Bare WSGI" else "bare WSGI" for title in titles
    ]
    assert len(blocks(PAGE, "python")) == 2 * len(titles) + 1  # Django's program is two files
