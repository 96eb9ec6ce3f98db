"""psql and pgbench, PostgreSQL's own programs, on our server."""

import os
import re
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


TABLES = """
CREATE INDEX ON notes (at);
DROP TABLE IF EXISTS "Mixed Case.x$";
CREATE TABLE "Mixed Case.x$" (
    "The ""Key" TEXT PRIMARY KEY, "select" BOOLEAN NOT NULL DEFAULT true, n INTEGER DEFAULT 7,
    d DOUBLE PRECISION, y BYTEA, s TEXT DEFAULT 'it is'
);
CREATE INDEX "An index" ON "Mixed Case.x$" ("select");
"""

NOTES = """\
                         Table "public.notes"
 Column |            Type             | Collation | Nullable | Default
--------+-----------------------------+-----------+----------+---------
 id     | bigint                      |           | not null |
 body   | text                        |           |          |
 at     | timestamp without time zone |           |          |
Indexes:
    "notes_pkey" PRIMARY KEY, btree (id)
    "notes_at_idx" btree (at)

"""

MIXED = """\
                 Table "public.Mixed Case.x$"
  Column  |       Type       | Collation | Nullable | Default
----------+------------------+-----------+----------+---------
 The "Key | text             |           | not null |
 select   | boolean          |           | not null | true
 n        | integer          |           |          | 7
 d        | double precision |           |          |
 y        | bytea            |           |          |
 s        | text             |           |          | 'it is'
Indexes:
    "Mixed Case.x$_pkey" PRIMARY KEY, btree ("The ""Key")
    "An index" btree ("select")

"""

PRIMARY_KEY = """\
      Index "public.notes_pkey"
 Column |  Type  | Key? | Definition
--------+--------+------+------------
 id     | bigint | yes  | id
primary key, btree, for table "public.notes"

"""


@pytest.fixture
def described(psql: Run) -> Run:
    psql("-qc", TABLES)
    return psql


def bare(printed: str) -> str:
    """What psql printed without the spaces at the ends of lines."""
    return re.sub(" +$", "", printed, flags=re.MULTILINE)


def test_a_relation_is_described(described: Run) -> None:
    for command, printed in {
        "\\d notes": NOTES,
        "\\d public.notes": NOTES,
        "\\d NOTES": NOTES,
        '\\d "Mixed Case.x$"': MIXED,
        "\\d notes_pkey": PRIMARY_KEY,
    }.items():
        assert bare(described("-c", command).stdout) == printed, command


def test_what_matches_a_pattern(described: Run) -> None:
    printed = bare(described("-c", "\\d notes*").stdout)
    assert printed.startswith(NOTES)
    assert printed.count('"public.notes_at_idx"\n') == 1
    assert printed.endswith(PRIMARY_KEY)
    assert "Mixed" not in printed


RELATIONS = [
    ("\\d", ["Mixed Case.x$|table|chai", "notes|table|chai"]),
    ("\\dt", ["Mixed Case.x$|table|chai", "notes|table|chai"]),
    ("\\dt n?tes", ["notes|table|chai"]),
    ("\\dt (notes|x)", ["notes|table|chai"]),
    (
        "\\di",
        [
            "An index|index|chai|Mixed Case.x$",
            "Mixed Case.x$_pkey|index|chai|Mixed Case.x$",
            "notes_at_idx|index|chai|notes",
            "notes_pkey|index|chai|notes",
        ],
    ),
    ("\\di *_pkey", ["Mixed Case.x$_pkey|index|chai|Mixed Case.x$", "notes_pkey|index|chai|notes"]),
    ("\\dt+ notes", ["notes|table|chai|permanent|||"]),
    ("\\d+", ["Mixed Case.x$|table|chai|permanent|||", "notes|table|chai|permanent|||"]),
    ("\\di+ notes_pkey", ["notes_pkey|index|chai|notes|permanent|btree||"]),
]


def test_relations_are_listed(described: Run) -> None:
    described("-qc", "DROP TABLE IF EXISTS counters")
    for command, lines in RELATIONS:
        listed = described("-Atc", command).stdout.splitlines()
        assert listed == [f"public|{line}" for line in lines], command


def test_more_of_a_table(described: Run) -> None:
    lines = described("-Ac", "\\d+ notes").stdout.splitlines()
    assert lines[1] == "Column|Type|Collation|Nullable|Default|Storage|Compression|Stats target|Description"
    assert lines[3] == "body|text||||extended|||"
    assert lines[5:] == [
        "Indexes:",
        '    "notes_pkey" PRIMARY KEY, btree (id)',
        '    "notes_at_idx" btree (at)',
    ]


OTHERS = {
    "\\l": "chai|chai|UTF8|C|C||libc|",
    "\\l+": "chai|chai|UTF8|C|C||libc|||pg_default|",
    "\\l nosuch": "",
    "\\dn": "public|chai",
    "\\dn+": "public|chai||",
    "\\du": "chai||{}",
    "\\dx": "",
    "\\dRp": "",
}


def test_other_lists(psql: Run) -> None:
    if "15." not in psql("--version").stdout:
        pytest.skip("the columns are those of psql 15")
    for command, line in OTHERS.items():
        assert psql("-Atc", command).stdout.rstrip("\n") == line, command


@pytest.mark.parametrize("name", ["nosuch", '"NOTES"', "other.notes"])
def test_what_is_not_there(psql: Run, name: str) -> None:
    nothing = rf'Did not find any (relation|tables|indexes)( named)? "{re.escape(name)}"\.\n'
    for command in ("\\d", "\\dt", "\\di"):
        done = psql("-c", f"{command} {name}", code=1 if command == "\\d" else 0)
        assert re.fullmatch(nothing, done.stderr), command


def test_what_the_catalogue_would_answer(psql: Run) -> None:
    """The hint says where to look."""
    for command in ("\\df", "\\dT", "\\dp"):
        done = psql("-c", command, code=1)
        assert "ERROR:  catalogue queries are not supported: there is no pg_catalog.pg_" in done.stderr
        assert "HINT:  Tables, columns and keys are in information_schema.tables" in done.stderr


def test_a_pattern_that_is_none(psql: Run) -> None:
    assert "ERROR:  invalid regular expression" in psql("-c", "\\d notes(", code=1).stderr
    long = psql("-c", "\\d (abcdefgh){1000}", code=1).stderr
    assert "ERROR:  the pattern for names has too many repetitions" in long


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
