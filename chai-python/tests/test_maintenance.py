"""Check, repair, back up and restore, of databases that are served and of such that are not."""

import contextlib
import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

import chaisql
from chaisql import cli, maintenance
from chaisql.exits import Exit
from chaisql.offline import Finished

Script = Callable[[str], Path]
Connection = psycopg.Connection[Any]


def quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """What a command that succeeds prints."""
    code = cli.main([*map(str, arguments)])
    out, err = capsys.readouterr()
    assert (code, err) == (0, "")
    return out


def count(directory: Path) -> object:
    with chaisql.Server(directory) as server, server.connect() as connection:
        row = connection.execute("SELECT count(*) FROM notes").fetchone()
    return row[0] if row else None


def test_a_new_database_is_made_once(short_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = short_path / "new"
    assert said(capsys, "init", new) == f"created {new}\n"
    assert cli.main(["init", str(new)]) == 73
    assert "holds a database already" in capsys.readouterr().err
    assert json.loads(said(capsys, "init", short_path / "other", "--json")) == {"path": f"{short_path}/other"}


def test_a_served_database_is_checked_and_copied(
    served: Connection, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = directory.parent / "copy"
    assert said(capsys, "check", directory) == f"checked {directory}: 1 table, 100 rows, 1 index: ok\n"
    out = said(capsys, "backup", directory, copy)
    assert out.startswith(f"backed up {directory} to {copy}: ")
    assert out.count("\n") == 1
    served.execute("DELETE FROM notes WHERE id < 40")  # the copy does not care
    assert count(copy) == 100


def test_a_database_that_nobody_serves_is_checked_and_copied(
    unserved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = unserved.parent / "copy"
    assert said(capsys, "check", unserved) == f"checked {unserved}: 1 table, 100 rows, 1 index: ok\n"
    assert said(capsys, "backup", unserved, copy).startswith(f"backed up {unserved} to {copy}: ")
    assert said(capsys, "check", copy).endswith("100 rows, 1 index: ok\n")
    assert sorted(path.name for path in copy.iterdir()) == ["chaisqld.backup", "chaisqld.id", "pebble"]
    back = unserved.parent / "back"
    assert said(capsys, "restore", copy, back) == f"restored {copy} to {back}: 1 table, 100 rows, 1 index\n"
    assert count(back) == 100


def test_relative_paths_mean_ours_not_the_servers(
    served: Connection,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(directory.parent)
    said(capsys, "backup", "data", "copy")
    assert (directory.parent / "copy" / "chaisqld.id").exists()


def test_results_can_be_read_by_programs(
    unserved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    index = {"name": "notes_body", "entries": 100}
    report = {"tables": [{"name": "notes", "rows": 100, "indexes": [index]}]}
    assert json.loads(said(capsys, "check", unserved, "--json")) == report
    assert json.loads(said(capsys, "check", unserved, "--repair", "--json")) == {
        "found": report,
        "left": report,
    }
    with chaisql.Server(unserved):
        assert json.loads(said(capsys, "check", unserved, "--json")) == report
    copy = unserved.parent / "copy"
    made = json.loads(said(capsys, "backup", unserved, copy, "--json"))
    assert made["path"] == str(copy)
    assert made["files"] > 3


def test_any_client_can_ask_for_a_backup(served: Connection, directory: Path) -> None:
    row = served.execute("SELECT chaisqld_backup(%s)", (str(directory.parent / "copy"),)).fetchone()
    assert row is not None
    assert json.loads(str(row[0]))["path"] == str(directory.parent / "copy")


def test_a_statement_timeout_does_not_end_a_check(served: Connection) -> None:
    with served.transaction(), served.cursor() as cursor:
        cursor.executemany("INSERT INTO notes VALUES (%s, %s)", [(i, "x" * 50) for i in range(100, 10_000)])
    served.execute("SET statement_timeout = 1")
    slow = " AND ".join([f"body NOT LIKE '{'%x' * 40}%y'"] * 100)  # half a second, were it not ended
    with pytest.raises(psycopg.errors.QueryCanceled):
        served.execute(f"SELECT count(*) FROM notes WHERE {slow}")
    row = served.execute("SELECT chaisqld_check()").fetchone()
    assert '"rows":10000' in str(row)


def test_damage_is_told(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In the server's words; only what is in the table, which has most of the file, is turned."""
    rows = [(i, os.urandom(50).hex()) for i in range(1000)]
    with chaisql.Server(directory) as server, server.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT NOT NULL)")
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany("INSERT INTO notes VALUES (%s, %s)", rows)
    with chaisql.Server(directory):  # moves them from the log to a table file
        pass
    table = max((directory / "pebble").glob("*.sst"), key=lambda path: path.stat().st_size)
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    assert cli.main(["check", str(directory)]) == 65
    out, err = capsys.readouterr()
    problem, verdict = out.splitlines()
    assert re.fullmatch(
        r"table notes: 1 stored rows or parts of files cannot be read: .*checksum mismatch.*", problem
    )
    assert re.fullmatch(rf"checked {directory}: 1 table, \d+ rows, 0 indexes: damaged", verdict)
    assert err.startswith(f"chaisql: {directory} is damaged, problems: 1; ")
    assert err.count("\n") == 1
    with chaisql.Server(directory):
        assert cli.main(["check", str(directory)]) == 65
    assert capsys.readouterr() == (out, err)


def test_a_damaged_catalogue_is_told_in_one_line(unserved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with chaisql.Server(unserved):
        pass
    (table,) = (unserved / "pebble").glob("*.sst")  # so small that all is in one block
    content = bytearray(table.read_bytes())
    content[len(content) // 2] ^= 1
    table.write_bytes(content)
    for command in (["check"], ["check", "--repair"], ["shell"]):
        assert cli.main([*command, str(unserved)]) == 65
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert "the database is damaged" in err
        assert "checksum mismatch" in err


def test_an_adoption_is_told(
    unserved: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = said(capsys, "adopt", unserved)
    assert done == f"{unserved} is a chaisqld database already\n"
    left = {"tables": [{"name": "t", "rows": 1, "indexes": [{"name": "i", "entries": 1}]}]}
    found = {"tables": [{"name": "t", "rows": 1, "problems": [{"text": "1 entry is stray"}]}]}
    result = {"already": False, "backup": "/b", "unsupported": ["table s"], "found": found, "left": left}
    commands: list[list[str]] = []

    def adopted(arguments: list[str], **_: object) -> Finished:
        commands.append(arguments)
        return Finished(code=Exit.DONE, result=result, message="")

    monkeypatch.setattr("chaisql.offline.run", adopted)
    assert said(capsys, "adopt", unserved, "--no-backup", "--allow-unsupported").splitlines() == [
        "not served: table s",
        "repaired: table t: 1 entry is stray",
        f"adopted {unserved}: 1 table, 1 row, 1 index",
        "the data as it was: /b",
    ]
    assert {"--no-backup", "--allow-unsupported"} <= {*commands[0]}


@pytest.mark.parametrize("is_served", [False, True])
@pytest.mark.parametrize(
    "case",
    [
        ("check", 64, "DIRECTORY"),
        ("check {none}", 66, "there is no directory"),
        ("check {full}", 65, "name the directory of a database"),
        ("check --repair {full}", 65, "name the directory of a database"),
        ("backup {full} {none}", 65, "name the directory of a database"),
        ("restore {full} {none}", 65, "name the directory of a database"),
        ("init {full}", 65, "use a new or empty directory"),
        ("adopt {full}", 65, "nothing to adopt"),
        ("backup {data}", 64, "DESTINATION"),
        ("backup {data} {full}", 73, "not empty"),
        ("backup {data} {data}/copy", 64, "inside the database directory"),
        ("backup {data} {none}/copy", 73, "parent"),
        ("restore {none} {data}", 66, "there is no directory"),
    ],
)
def test_mistakes_and_obstacles_are_one_line(
    unserved: Path,
    capsys: pytest.CaptureFixture[str],
    is_served: bool,
    case: tuple[str, int, str],
) -> None:
    arguments, code, message = case
    full = unserved.parent / "full"
    full.mkdir()
    (full / "thesis.txt").touch()
    words = arguments.format(data=unserved, full=full, none=unserved.parent / "none").split()
    with chaisql.Server(unserved) if is_served else contextlib.nullcontext():
        assert cli.main(words) == code
    out, err = capsys.readouterr()
    assert message in err
    assert (out, err.count("\n")) == ("", 1)
    assert [path.name for path in full.iterdir()] == ["thesis.txt"]


def test_a_served_database_is_not_repaired(
    served: Connection, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["check", "--repair", str(directory)]) == 75
    assert f"serves {directory}: stop it first" in capsys.readouterr().err


def test_clients_wait_while_a_directory_is_looked_after(
    unserved: Path, script: Script, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "end")
    script(f'read -r line <{tmp_path}/end; echo \'{{"result": {{"tables": []}}}}\'')
    check = threading.Thread(target=maintenance.check, args=(unserved,), kwargs={"progress": quiet})
    check.start()
    with (tmp_path / "end").open("w") as end:  # opens once the child reads
        with pytest.raises(chaisql.ServerError, match=r"no server of .* answered within 0\.3 s"):
            chaisql.connect(unserved, start_timeout=0.3)
        end.write("now\n")
    check.join(10)
    assert not check.is_alive()


def test_a_server_that_comes_meanwhile_is_asked(unserved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def held(*_: object, **__: object) -> Finished:
        server.start()
        return Finished(code=Exit.TRY_LATER, result=None, message="another process holds it")

    (unserved / "start.lock").unlink()  # as if no client had been here, whom the lock would keep waiting
    server = chaisql.Server(unserved)
    monkeypatch.setattr("chaisql.offline.run", held)
    try:
        assert maintenance.check(unserved, progress=quiet)["tables"][0]["rows"] == 100
    finally:
        server.stop()
