"""psql and pgbench, PostgreSQL's own programs, on our server."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
from psycopg.conninfo import conninfo_to_dict

import chaisql

Run = Callable[..., subprocess.CompletedProcess[str]]


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    """Of a program that is to reach our server."""
    with chaisql.Server(":memory:") as server:
        host = unquote(str(conninfo_to_dict(server.dsn)["host"]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        yield {
            **kept,
            "PGHOST": host,
            "PGUSER": "chai",
            "PGDATABASE": "chai",
            "PAGER": "",
            "LC_ALL": "C.UTF-8",
        }


@pytest.fixture
def psql(environment: dict[str, str]) -> Run:
    command = [program("psql"), "-X", "--no-password"]

    def run(*arguments: str | Path, text: str = "", code: int = 0) -> subprocess.CompletedProcess[str]:
        argv = [*command, *map(str, arguments)]
        done = subprocess.run(
            argv, input=text, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == code, done
        return done

    run(
        "-qc",
        "DROP TABLE IF EXISTS notes; CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT, at TIMESTAMP)",
    )
    return run


def test_commands(psql: Run) -> None:
    """-c with several statements is one transaction, several -c are several."""
    insert = "INSERT INTO notes VALUES (1, 'one', '2030-01-02')"
    assert psql("-c", insert, "-c", "SELECT * FROM notes").stdout == (
        "INSERT 0 1\n"
        " id | body |         at          \n"
        "----+------+---------------------\n"
        "  1 | one  | 2030-01-02 00:00:00\n"
        "(1 row)\n\n"
    )
    done = psql("-c", "DELETE FROM notes; INSERT INTO notes (id) VALUES (2), (2)", code=1)
    assert done.stderr == (
        'ERROR:  duplicate key value violates unique constraint "notes_pkey"\n'
        "DETAIL:  Key (id) already exists.\n"
    )
    assert psql("-Atc", "SELECT id FROM notes").stdout == "1\n"
    assert psql("-A", "-F,", "-t", "-c", "SELECT id, body FROM notes").stdout == "1,one\n"
    assert psql("--csv", "-c", "SELECT id, at FROM notes").stdout == "id,at\n1,2030-01-02 00:00:00\n"


def test_a_file_in_one_transaction(psql: Run, tmp_path: Path) -> None:
    script = tmp_path / "script.sql"
    script.write_text("INSERT INTO notes (id) VALUES (1);\nINSERT INTO notes (id) VALUES (:key);\n")
    assert psql("-1", "-v", "key=2", "-f", script).stdout == "INSERT 0 1\nINSERT 0 1\n"
    again = psql("-1", "-v", "ON_ERROR_STOP=1", "-v", "key=3", "-f", script, code=3)
    assert again.stderr.startswith(f"psql:{script}:1: ERROR:  duplicate key")
    assert psql("-Atc", "SELECT count(*) FROM notes").stdout == "2\n"


def test_variables_and_commands(psql: Run) -> None:
    script = r"""
        \set body 'it''s'
        \set name body
        INSERT INTO notes (id, body) VALUES (7, :'body') RETURNING id AS key \gset
        SELECT :"name" FROM notes WHERE id = :key;
        \echo :ROW_COUNT
        SELECT nosuch FROM notes;
        \echo :LAST_ERROR_SQLSTATE
        SELECT id, body FROM notes \gx
        \conninfo
        \timing
        \encoding
    """
    done = psql("-At", text=script)
    results, _, told = done.stdout.partition("You are connected")
    assert results.splitlines() == ["INSERT 0 1", "it's", "1", "42703", "id|7", "body|it's"]
    assert told.endswith("Timing is on.\nUTF8\n")
    assert 'column "nosuch" does not exist' in done.stderr


@pytest.mark.parametrize("command", ["\\d", "\\d notes", "\\dt", "\\di", "\\l", "\\du", "\\dn"])
def test_what_the_catalogue_would_answer(psql: Run, command: str) -> None:
    """psql asks it in joins of its tables; the hint says where to look."""
    done = psql("-c", command, code=1)
    assert "ERROR:  catalogue queries are not supported: there is no pg_catalog.pg_" in done.stderr
    assert "HINT:  Tables, columns and keys are in information_schema.tables" in done.stderr


def test_what_can_be_asked_instead(psql: Run) -> None:
    columns = "SELECT column_name, data_type FROM information_schema.columns"
    done = psql("-Atc", f"{columns} WHERE table_name = 'notes' ORDER BY ordinal_position")
    assert done.stdout == "id|bigint\nbody|text\nat|timestamp without time zone\n"


def test_copy_is_refused(psql: Run) -> None:
    for command in ("COPY notes TO STDOUT", "\\copy notes from '/dev/null'"):
        assert psql("-c", command, code=1).stderr.startswith("ERROR:  COPY is not supported\n")


SCRIPT = r"""
\set id random(1, 100)
BEGIN;
INSERT INTO counters (id, n) VALUES (:id, 0) ON CONFLICT DO NOTHING;
UPDATE counters SET n = n + 1 WHERE id = :id;
COMMIT;
SELECT n FROM counters WHERE id = :id;
"""


@pytest.mark.parametrize("mode", ["simple", "extended", "prepared"])
def test_pgbench(psql: Run, environment: dict[str, str], tmp_path: Path, mode: str) -> None:
    """Four clients, each transaction counted once."""
    psql(
        "-qc",
        "DROP TABLE IF EXISTS counters; CREATE TABLE counters (id BIGINT PRIMARY KEY, n BIGINT NOT NULL)",
    )
    script = tmp_path / "script.sql"
    script.write_text(SCRIPT)
    command = [program("pgbench"), "-n", "-M", mode, "-c", "4", "-j", "2", "-t", "50", "-f", str(script)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    assert "number of transactions actually processed: 200/200" in done.stdout
    assert "number of failed transactions: 0 " in done.stdout
    counts = psql("-Atc", "SELECT n FROM counters").stdout.split()
    assert sum(map(int, counts)) == 200
