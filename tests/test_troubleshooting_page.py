"""The messages on docs/troubleshooting.md are those that one gets."""

import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client

import chaisql
from chaisql.cli import main as chaisql_main
from documents import ROOT
from wsgi_chaisession import ChaiStore, Cookie, Session, SessionError, SessionMiddleware, cookie
from wsgi_chaisession.cli import main as chaisession_main
from wsgi_chaisession.testing import MemoryStore

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
SOURCES = "".join(
    path.read_text()
    for folder in ("wsgi_chaisession", "chai-python/chaisql", "chai-python/server")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".go"}
)


class Product:
    pass


def client(action: Callable[[Session], Any], store: MemoryStore | None = None, **options: Any) -> Client:
    def app(environ: Any, start_response: Any) -> Any:
        body = action(environ["chaisession.session"])
        start_response("200 OK", [("Content-Type", "text/plain")])
        return body or [b""]

    return Client(SessionMiddleware(app, store or MemoryStore(), **options))


def stream(session: Session) -> Iterator[bytes]:
    yield b"the first part"
    session["a"] = 1


@pytest.mark.parametrize(
    "action",
    [
        lambda session: session.update(cart={"items": [1, Product()]}),
        lambda session: session.update(a="x" * 70_000),
        stream,
    ],
    ids=["EncodeError", "SessionTooLarge", "HeadersSent"],
)
def test_what_an_application_meets(action: Callable[[Session], Any]) -> None:
    with pytest.raises(SessionError) as met:
        _ = client(action).get("/").data
    assert f"## {type(met.value).__name__}\n" in PAGE
    assert re.sub(r"\d+", "#", str(met.value)) in re.sub(r"\d+", "#", PAGE)


def test_a_withheld_cookie_is_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cookie, "_warned", set())
    with caplog.at_level(logging.WARNING):
        client(lambda session: session.update(a=1), cookie=Cookie(secure=True)).get("/")
    assert [record.getMessage() in PAGE for record in caplog.records] == [True]


def test_the_answer_of_a_failing_store() -> None:
    store = MemoryStore()
    store.fail_next("insert")
    answer = client(lambda session: session.update(a=1), store).get("/")
    assert answer.status_code == 503
    assert answer.text in PAGE


@pytest.mark.parametrize("name", ["/nowhere/a/db", "notes.txt", "postgresql:///x?host=/nowhere"])
def test_a_store_that_cannot_be_reached(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(SessionError) as met:
        ChaiStore(name, timeout=0.1).count()
    told = str(met.value).replace(str(tmp_path), "…").partition(": connection")[0]
    assert told.replace("0.1 s", "2.0 s") in PAGE


def test_tables_that_nobody_made(tmp_path: Path) -> None:
    with chaisql.Server(tmp_path / "db") as server:
        store = ChaiStore(server.dsn, timeout=20)
        with pytest.raises(SessionError) as met:
            store.count()
        store.close()
    assert f"`{met.value}`" in PAGE


def test_commands_that_find_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert chaisession_main(["stats", "chai_db"]) == 78
    assert f"`{capsys.readouterr().err.strip()}`" in PAGE
    (tmp_path / "chai_db").mkdir()
    assert chaisql_main(["status", "chai_db"]) == 3
    told = capsys.readouterr()
    assert f"`{(told.out + told.err).strip()}`" in PAGE


@pytest.mark.parametrize(
    "words",
    [
        "belongs to another user",
        "on a disk that can be written",
        "it goes on starting",
        "cannot be read and is ignored",
        "another process holds the database directory",
    ],
)
def test_messages_that_are_hard_to_provoke_are_in_the_program(words: str) -> None:
    assert words.removeprefix("it ") in PAGE
    assert words in SOURCES
