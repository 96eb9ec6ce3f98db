"""The command ``chaisession``, run as a user runs it, over a real chaisqld."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from chaisql import ServerError
from chaisql.cli import main as chaisql_main
from wsgi_chaisession import ChaiStore, DecodeError, SessionError, StoreError, StoreUnavailable
from wsgi_chaisession.programs import exit_code

MINUTE = timedelta(minutes=1)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "db"
    yield place
    if place.is_dir():
        chaisql_main(["stop", str(place)])


def chaisession(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from wsgi_chaisession.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environment = {**os.environ, **variables}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_create_schema_makes_a_database_and_may_be_repeated(directory: Path) -> None:
    for _ in range(2):
        done = chaisession("create-schema", directory)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    store = ChaiStore(directory)
    assert store.count() == 0
    store.close()


def test_stats_of_a_new_store(directory: Path) -> None:
    chaisession("create-schema", directory)
    done = chaisession("stats", directory)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split("\n") == [
        "active sessions:        0",
        "expired, not deleted:   0",
        "reaper's last run:      never",
        "",
    ]


def test_stats_count_and_tell_of_the_reaper(directory: Path) -> None:
    store = ChaiStore(directory)
    now = datetime.now(UTC)
    for number in range(5):
        store.insert(f"new{number}", b"{}", now + 60 * MINUTE)
    for number in range(3):
        store.insert(f"old{number}", b"{}", now - MINUTE)
    store.record_reaper_run(40, 0.25)
    store.record_reaper_run(2, 0.125)
    store.close()
    lines = chaisession("stats", CHAISESSION_STORE=str(directory)).stdout.splitlines()
    assert lines[0] == "active sessions:        5"
    waiting = re.fullmatch(r"expired, not deleted:   3, the oldest for (\d+) s", lines[1])
    assert waiting is not None
    assert int(waiting[1]) >= 60
    last = re.fullmatch(
        r"reaper's last run:      (\S+ \S+) UTC, \d+ s ago, "
        r"deleted 2 in 0\.125 s; 42 in 2 runs altogether",
        lines[2],
    )
    assert last is not None
    finished = datetime.fromisoformat(last[1] + "+00:00")
    assert now.replace(microsecond=0) <= finished <= datetime.now(UTC)


def test_stats_never_make_a_database(directory: Path) -> None:
    done = chaisession("stats", directory)
    assert done.returncode == 78
    assert done.stderr == (
        f"chaisession: {directory} does not exist: "
        f"start the application, or run chaisession create-schema {directory}\n"
    )
    assert not directory.exists()


@pytest.mark.parametrize("command", ["create-schema", "stats"])
@pytest.mark.parametrize("what", ["below nothing", "a file"])
def test_a_directory_that_cannot_be_is_named(tmp_path: Path, command: str, what: str) -> None:
    """Trying again later would not help."""
    place = tmp_path / "missing" / "db" if what == "below nothing" else tmp_path / "file"
    (tmp_path / "file").write_text("mine")
    done = chaisession(command, place)
    assert done.returncode == 78
    assert str(place) in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "file").read_text() == "mine"
    assert not (tmp_path / "missing").exists()


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        (StoreUnavailable("gone"), psycopg.OperationalError("gone"), 75),
        (StoreUnavailable("gone"), ServerError("it starts too slowly"), 75),
        (StoreUnavailable("gone"), ServerError("not a directory", permanent=True), 78),
        (StoreError("refused"), psycopg.errors.UndefinedTable("no table"), 78),
        (StoreError("refused"), psycopg.errors.DiskFull("full"), 75),
        (DecodeError("damaged"), None, 70),
    ],
)
def test_what_may_pass_is_told_from_what_somebody_must_change(
    error: SessionError, cause: Exception | None, code: int
) -> None:
    error.__cause__ = cause
    assert exit_code(error) == code


def test_a_foreign_directory_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    done = chaisession("create-schema", tmp_path)
    assert done.returncode == 78
    assert str(tmp_path) in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("command", ["stats", "create-schema"])
def test_what_names_no_store_is_refused(command: str) -> None:
    done = chaisession(command, "host=x password=secret")
    assert done.returncode == 78
    assert done.stderr.startswith(
        "chaisession: keyword=value text is not supported: give a postgresql:// URL"
    )


@pytest.mark.parametrize("arguments", [[], ["stats"], ["purge", "db"], ["stats", "db", "--all"]])
def test_wrong_usage_is_one_line_and_64(arguments: list[str]) -> None:
    done = chaisession(*arguments, CHAISESSION_STORE="")
    assert done.returncode == 64
    assert done.stderr.startswith("chaisession: ")
    assert done.stderr.count("\n") == 1


def test_the_help_tells_the_exit_codes() -> None:
    done = chaisession("stats", "--help")
    assert done.returncode == 0
    assert "75  the store is unavailable: try again later" in done.stdout
