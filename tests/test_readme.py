"""What the README shows works: its Python is run, its commands exist, its links lead somewhere."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref import simple_server

import pytest
from click.testing import CliRunner
from webtest import TestApp

import wsgi_chaisession
import wsgi_chaisession.cli
from chaisql.cli import main as chaisql_main
from documents import ROOT, blocks
from reaper.cli import reaper
from wsgi_chaisession import ChaiStore, SessionMiddleware
from wsgi_chaisession.targets import ConfigurationError
from wsgi_chaisession.testing import MemoryStore

README = (ROOT / "README.md").read_text()
CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A throwaway current directory, since the README's database is in the current one."""
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    if (tmp_path / "chai_db").is_dir():
        chaisql_main(["stop", str(tmp_path / "chai_db")])


def run(source: str, name: str = "readme") -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": name}
    exec(compile(source, "README.md", "exec"), names)
    return names


def test_the_first_program_counts_visits(somewhere: Path, stores: list[ChaiStore]) -> None:
    names = run(blocks(README, "python")[0])
    assert len(stores) == 1
    browser = TestApp(names["application"])
    assert browser.get("/").text == "Visit number 1"
    assert browser.get("/").text == "Visit number 2"
    assert TestApp(names["application"]).get("/").text == "Visit number 1"


def test_the_first_program_serves_itself(
    somewhere: Path, stores: list[ChaiStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[Any, ...]] = []

    class Server:
        def __init__(self, *arguments: Any) -> None:
            served.append(arguments)

        def serve_forever(self) -> None:
            pass

    monkeypatch.setattr(simple_server, "make_server", Server)
    names = run(blocks(README, "python")[0], name="__main__")
    assert served == [("127.0.0.1", 4000, names["application"])]
    assert "http://127.0.0.1:4000/" in README


def test_the_second_block_logs_in_flashes_and_logs_out() -> None:
    names = run(blocks(README, "python")[1])

    def app(environ: Any, start_response: Any) -> list[bytes]:
        session = environ["chaisession.session"]
        body = b""
        match environ["PATH_INFO"]:
            case "/in":
                session["visits"] = 3
                names["log_in"](session, "Ada")
            case "/next":
                body = repr(names["next_page"](session)).encode()
            case "/out":
                names["log_out"](session)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [body]

    browser = TestApp(SessionMiddleware(app, MemoryStore()))
    browser.get("/in")
    assert browser.get("/next").text == "(['Welcome, Ada.'], 3)"
    assert browser.get("/next").text == "([], 3)"
    browser.get("/out")
    assert browser.get("/next").text == "([], 0)"


def test_every_python_block_is_among_the_tested() -> None:
    assert len(blocks(README, "python")) == 2


def test_what_is_installed_is_here() -> None:
    (line,) = re.findall(r"^.venv/bin/pip install (.*)$", "".join(blocks(README, "sh")), re.MULTILINE)
    assert [(ROOT / path / "pyproject.toml").is_file() for path in line.split()] == [True, True]


def test_the_table_of_frameworks_is_that_of_their_page() -> None:
    here = re.findall(r"^\| ([\w ]+) \| (`.*?`) \| (`.*?`) \| \[", README, re.MULTILINE)
    page = (ROOT / "docs" / "frameworks.md").read_text()
    assert here
    assert here == re.findall(r"^\| \[([\w ]+)\]\(#.*?\) \| (`.*?`) \| (`.*?`) \|$", page, re.MULTILINE)


@pytest.mark.parametrize("line", [line for line in blocks(README, "sh")[-1].splitlines() if line])
def test_commands_are_understood(line: str, somewhere: Path) -> None:
    """Each gets as far as looking for the directory, which is not there: 78, not 64."""
    program, *arguments = line.partition("#")[0].split()
    main = {"chaisession-reaper": "reaper.cli", "chaisession": "wsgi_chaisession.cli"}[program]
    command = reaper if main == "reaper.cli" else wsgi_chaisession.cli.chaisession
    result = CliRunner().invoke(command, arguments)
    assert isinstance(result.exception, ConfigurationError)
    assert "chai_db does not exist" in str(result.exception)


def test_links_into_the_repository_lead_somewhere() -> None:
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "chai-python" / "README.md"]:
        prose = CODE.sub("", document.read_text())
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", prose):
            assert (document.parent / target).exists(), f"{document.relative_to(ROOT)} links to {target}"


@pytest.mark.parametrize("project", [ROOT, ROOT / "chai-python"], ids=["wsgi-chaisession", "chai-python"])
def test_pypi_gets_no_link_that_leads_nowhere_there(project: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "metadata", "readme"]
    text = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=60, check=True).stdout
    assert re.findall(r"\]\((?!https?://|#)[^)]*\)", text) == []
    here = (project / "README.md").read_text()
    assert re.findall(CODE, text) == re.findall(CODE, here)


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake (\w+)", "".join(blocks(README, "sh"))):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
