"""The SQL shell: what it reads, runs and prints."""

import contextlib
import fcntl
import io
import os
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import psycopg
import pytest

import chaisql
from chaisql import cli
from chaisql.shell.command import history_file
from chaisql.shell.commands import Leave, run_command
from chaisql.shell.interpreter import Interpreter
from chaisql.shell.statements import open_part, split
from chaisql.shell.table import draw

SHELL = [sys.executable, "-m", "chaisql", "shell"]


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("", [], ""),
        (" ; ;\n; ", [], ""),
        ("SELECT 1", [], "SELECT 1"),
        ("SELECT 1;", ["SELECT 1"], ""),
        ("SELECT 1; SELECT\n2 ; x", ["SELECT 1", "SELECT\n2"], " x"),
        ("SELECT 'a;b', 'it''s;';", ["SELECT 'a;b', 'it''s;'"], ""),
        ("SELECT 'a;", [], "SELECT 'a;"),
        ("SELECT 'a\\'; x", ["SELECT 'a\\'"], " x"),
        (r"SELECT E'a\'; b';", [r"SELECT E'a\'; b'"], ""),
        (r"SELECT e'a\\';", [r"SELECT e'a\\'"], ""),
        ("SELECT E'a\\", [], "SELECT E'a\\"),
        (r"SELECT the'a\';", [r"SELECT the'a\'"], ""),
        ('SELECT "a;""b";', ['SELECT "a;""b"'], ""),
        ('SELECT "a;', [], 'SELECT "a;'),
        ("-- a; b\n", [], ""),
        ("SELECT 1 -- a;\n + 1;", ["SELECT 1 -- a;\n + 1"], ""),
        ("/* a; /* b */ ; */ SELECT 1;", ["/* a; /* b */ ; */ SELECT 1"], ""),
        ("/* a; /* b */ ;", [], "/* a; /* b */ ;"),
        ("/* a */ ;", [], ""),
        ("SELECT $$a;$$, $x$;$$;$x$;", ["SELECT $$a;$$, $x$;$$;$x$"], ""),
        ("SELECT $x$;", [], "SELECT $x$;"),
        ("SELECT a$b$; SELECT $1;", ["SELECT a$b$", "SELECT $1"], ""),
        ("SELECT 4-1/2;", ["SELECT 4-1/2"], ""),
        ("SELECT (1;2); x;", ["SELECT (1;2)", "x"], ""),
        ("SELECT (1;", [], "SELECT (1;"),
        ("SELECT 1); x;", ["SELECT 1)", "x"], ""),
        ("SELECT 'it''", [], "SELECT 'it''"),
    ],
)
def test_statements_end_where_they_end(text: str, statements: list[str], rest: str) -> None:
    assert split(text) == (statements, rest)
    found, kept = [], ""
    for line in text.splitlines(keepends=True):  # as they come from a pipe
        complete, kept = split(kept + line)
        found += complete
    assert found == statements
    assert kept.strip() == rest.strip()


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("SELECT", "-"),
        ("SELECT 1; SELECT", "-"),
        ("SELECT 'a''", "'"),
        ("SELECT 'a'", "-"),
        (r"SELECT E'\'", "'"),
        ('SELECT ("', '"'),
        ("SELECT (1, (2)", "("),
        ("SELECT (1)", "-"),
        ("SELECT (1)); SELECT (", "("),
        ("SELECT /* (", "*"),
        ("SELECT $x$ ' $$", "$"),
        ("SELECT -- (", "-"),
    ],
)
def test_what_is_left_open(text: str, sign: str) -> None:
    assert open_part(text) == sign


def test_columns_line_up() -> None:
    rows = [("1", "日本"), ("20", "e\u0301t\u00e9"), (None, "a\n\x1b[31m\x9b\u202e\t")]
    assert list(draw(["id", "\x1bname"], rows, [True, False])) == [
        " id |        \\x1bname",
        "----+" + "-" * 25,
        "  1 | 日本",
        " 20 | e\u0301t\u00e9",
        "    | a\\n\\x1b[31m\\x9b\\u202e\\t",
    ]


class Spoken:
    """An interpreter and what it says."""

    def __init__(self, server: chaisql.Server) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()
        self.shell = Interpreter(lambda: server.connect(autocommit=True), out=self.out, err=self.err)

    def said(self) -> list[str]:
        """Every line since the last call, the errors after the results."""
        lines = [*self.out.getvalue().splitlines(), *self.err.getvalue().splitlines()]
        for stream in (self.out, self.err):
            stream.seek(0)
            stream.truncate()
        return lines

    def command(self, line: str) -> list[str]:
        assert run_command(self.shell, line)
        return self.said()

    def refuses(self, line: str) -> list[str]:
        assert not run_command(self.shell, line)
        return self.said()

    def run(self, *statements: str) -> list[str]:
        assert all(map(self.shell.execute, statements))
        return self.said()

    def fails(self, statement: str) -> list[str]:
        assert not self.shell.execute(statement)
        return self.said()


@pytest.fixture
def spoken() -> Iterator[Spoken]:
    with chaisql.Server(":memory:") as server:
        spoken = Spoken(server)
        yield spoken
        spoken.shell.close()


def test_results_notices_and_row_counts(spoken: Spoken) -> None:
    assert spoken.run("CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT, at TIMESTAMP)") == [
        "CREATE TABLE"
    ]
    assert spoken.run("INSERT INTO notes VALUES (1, '50% a', '2030-01-02'), (2, NULL, NULL)") == [
        "INSERT 0 2"
    ]
    assert spoken.run("SELECT * FROM notes ORDER BY id") == [
        " id | body  |         at",
        "----+-------+---------------------",
        "  1 | 50% a | 2030-01-02 00:00:00",
        "  2 |       |",
        "(2 rows)",
    ]
    assert spoken.run("DELETE FROM notes WHERE id = 2 RETURNING id") == [" id", "----", "  2", "(1 row)"]
    assert spoken.run("DROP TABLE IF EXISTS nowhere") == [
        "DROP TABLE",
        'NOTICE:  table "nowhere" does not exist, skipping',
    ]
    assert spoken.run("BEGIN", "") == ["BEGIN"]
    assert spoken.shell.status is psycopg.pq.TransactionStatus.INTRANS


def test_errors_show_the_place_and_the_way_out(spoken: Spoken) -> None:
    assert spoken.fails("SELECT 1,\n  nosuch") == [
        'ERROR:  column "nosuch" does not exist (42703)',
        "LINE 2:   nosuch",
        "          ^",
    ]
    said = spoken.fails("SELECT relname FROM pg_catalog.pg_class")
    assert said[0].startswith("ERROR:  catalogue queries are not supported")
    assert said[0].endswith("(0A000)")
    assert said[-1].startswith("HINT:  Tables, columns and keys are in information_schema.tables")
    spoken.run("CREATE TABLE k (id BIGINT PRIMARY KEY)", "INSERT INTO k VALUES (1)")
    assert spoken.fails("INSERT INTO k VALUES (1)")[1] == "DETAIL:  Key (id) already exists."


def test_tables_are_described(spoken: Spoken) -> None:
    for word, nothing in (("\\d", "tables"), ("\\dt", "tables"), ("\\di", "indexes")):
        assert spoken.command(word) == [f"There are no {nothing}."]
    spoken.run("CREATE TABLE notes (id BIGINT PRIMARY KEY, \"Body\" TEXT NOT NULL DEFAULT 'x', at TIMESTAMP)")
    spoken.run("CREATE INDEX ON notes (at)")
    assert spoken.command("\\d\n") == [
        "     Name     | Type  | Table",
        "--------------+-------+-------",
        " notes        | table |",
        " notes_at_idx | index | notes",
        " notes_pkey   | index | notes",
    ]
    assert spoken.command("\\dt") == [" Table", "-------", " notes"]
    assert spoken.command("\\di")[2:] == [" notes_at_idx | notes", " notes_pkey   | notes"]
    for name in ("notes", "NOTES;", '"notes"'):
        assert spoken.command(f"\\d {name}") == [
            "Table notes",
            " Column |            Type             | Nullable | Default",
            "--------+-----------------------------+----------+---------",
            " id     | bigint                      | not null |",
            " Body   | text                        | not null | 'x'",
            " at     | timestamp without time zone |          |",
            "Indexes:",
            "    notes_at_idx (at)",
            "    notes_pkey PRIMARY KEY, (id)",
        ]
    assert spoken.refuses('\\d "NOTES"') == ["ERROR:  there is no table NOTES; \\d lists them"]


def test_commands(spoken: Spoken) -> None:
    assert spoken.command("\\timing") == ["Timing is on."]
    *_, timing = spoken.run("SELECT 1")
    assert timing.startswith("Time: ")
    assert timing.endswith(" ms")
    assert spoken.command("\\timing off") == ["Timing is off."]
    assert "\\d TABLE" in "".join(spoken.command("\\?"))
    for wrong in ("\\copy", "\\d a b", "\\di a", "\\timing perhaps", "\\i", "\\"):
        assert spoken.refuses(wrong) == [f"ERROR:  {wrong} is no command here; \\help lists them"]
    assert spoken.refuses("\\l") == ["ERROR:  \\l: there is one database, which \\d describes"]
    assert spoken.refuses("\\c other user")[0].startswith("ERROR:  \\c: a shell has one database: leave")
    with pytest.raises(Leave):
        run_command(spoken.shell, "\\q")


def test_rows_column_by_column(spoken: Spoken) -> None:
    assert spoken.command("\\x") == ["Expanded display is on."]
    spoken.run("CREATE TABLE t (id BIGINT PRIMARY KEY, description TEXT)")
    assert spoken.run("INSERT INTO t VALUES (1, 'a\tb'), (2, NULL) RETURNING *") == [
        "-[ RECORD 1 ]-----",
        "id          | 1",
        "description | a\\tb",
        "-[ RECORD 2 ]-----",
        "id          | 2",
        "description |",
    ]
    assert spoken.run("SELECT description AS a_name_that_is_longer_than_that FROM t WHERE id = 1") == [
        "-[ RECORD 1 ]-------------------+-----",
        "a_name_that_is_longer_than_that | a\\tb",
    ]
    assert spoken.run("SELECT id FROM t WHERE id = 9")[-1] == "(0 rows)"
    assert spoken.command("\\x off") == ["Expanded display is off."]
    assert spoken.run("SELECT id FROM t WHERE id = 1")[-1] == "(1 row)"


def test_files_are_run_up_to_the_first_failure(spoken: Spoken, tmp_path: Path) -> None:
    script, other = tmp_path / "a script.sql", tmp_path / "other.sql"
    script.write_text(f"SELECT\n1;\n\\i {other}\nSELECT 2", encoding="utf-8")
    other.write_text("\\dt", encoding="utf-8")
    said = spoken.command(f"\\i {script}\n")
    assert said == [" ?column?", "----------", "        1", "(1 row)", "There are no tables.", *said[5:]]
    assert spoken.command(f"\\i '{script}'") == said
    other.write_text("SELECT nosuch;\nSELECT 3;", encoding="utf-8")
    assert spoken.refuses(f"\\i {script}")[4] == 'ERROR:  column "nosuch" does not exist (42703)'
    other.write_text(f"\\i {other}", encoding="utf-8")
    assert spoken.refuses(f"\\i {other}") == [f"ERROR:  10 files read each other: {other} is one too many"]
    other.write_bytes(b"SELECT '\xef';")
    assert spoken.refuses(f"\\i {other}") == [f"ERROR:  {other} is not in UTF-8"]
    assert spoken.refuses("\\i /nonexistent") == ["ERROR:  /nonexistent: No such file or directory"]


def test_a_lost_connection_is_replaced(spoken: Spoken) -> None:
    spoken.run("SELECT 1")
    spoken.shell.connection.close()
    assert spoken.run("SELECT 1")[-1] == "the connection was lost; this is a new one"


def test_a_lost_server_is_told_without_tabs(directory: Path, wait_gone: Callable[[int], None]) -> None:
    with chaisql.Server(directory) as server:
        spoken = Spoken(server)
        spoken.run("SELECT 1")
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        said = spoken.fails("SELECT 1")
        spoken.shell.close()
    assert said[0].startswith("ERROR:  ")
    assert not any("\\t" in line for line in said)


class Pipe(Protocol):
    def __call__(self, text: str, *arguments: str | Path, code: int = 0) -> tuple[str, str]: ...


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Pipe:
    """Run the command with that on standard input; what it said on standard output and error."""

    def run(text: str, *arguments: str | Path, code: int = 0) -> tuple[str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        ended = cli.main(["shell", *map(str, arguments)])
        said = capsys.readouterr()
        assert ended == code, said
        return said.out, said.err

    return run


def test_statements_from_a_pipe(directory: Path, piped: Pipe) -> None:
    make = (
        "CREATE TABLE t (id BIGINT PRIMARY KEY);\nINSERT INTO t\n  VALUES (1); -- one\n\\dt\nSELECT id FROM t"
    )
    assert piped(make, directory) == (
        "CREATE TABLE\nINSERT 0 1\n Table\n-------\n t\n id\n----\n  1\n(1 row)\n",
        "",
    )
    out, err = piped("SELECT 1;\nSELECT nosuch;\nSELECT 2;\n", directory, code=70)
    assert out == " ?column?\n----------\n        1\n(1 row)\n"
    assert err == 'ERROR:  column "nosuch" does not exist (42703)\nLINE 1: SELECT nosuch\n               ^\n'
    assert piped("\\q\nSELECT 1;", directory) == ("", "")
    assert piped("\\nosuch\nSELECT 1;", directory, code=70)[0] == ""
    assert piped("SELECT 'a;\n", directory, code=70)[1].startswith("ERROR:  unterminated quoted string")


def test_statements_from_arguments_and_files(directory: Path, tmp_path: Path, piped: Pipe) -> None:
    out, _ = piped(
        "", directory, "-c", "CREATE TABLE t (id BIGINT PRIMARY KEY) -- ;", "-c", "\\dt", "--timing"
    )
    assert [line.partition(":")[0] for line in out.splitlines()] == [
        "CREATE TABLE",
        "Time",
        " Table",
        "-------",
        " t",
    ]
    script = tmp_path / "script.sql"
    script.write_text("INSERT INTO t VALUES (1);\nSELECT count(*)\nFROM t;\n", encoding="utf-8")
    assert piped("", directory, "-f", script)[0] == "INSERT 0 1\n count\n-------\n     1\n(1 row)\n"


def test_without_a_target_the_database_is_in_memory(piped: Pipe) -> None:
    assert piped("\\d\n", code=0)[0] == "There are no tables.\n"


def test_a_server_by_its_url(piped: Pipe) -> None:
    with chaisql.Server(":memory:") as server:
        assert piped("SHOW application_name;", server.dsn)[0].splitlines()[2] == " chaisql shell"


def test_what_is_no_text(tmp_path: Path, piped: Pipe) -> None:
    script = tmp_path / "latin1.sql"
    script.write_bytes(b"SELECT 1;\nSELECT 'na\xefve';\n")
    assert piped("", ":memory:", "-f", script, code=70)[1] == "chaisql: the statements are not in UTF-8\n"
    assert piped("SELECT '\udcef';", code=70)[1] == "chaisql: the statements are not in UTF-8\n"
    assert piped("SELECT 1\0;", code=70)[1] == "ERROR:  a statement cannot hold a NUL character\n"


def test_mistakes_are_one_line(piped: Pipe) -> None:
    for text in ("SELECT 1;", ""):
        out, err = piped(text, "/nonexistent/data", code=73)
        assert (out, err.count("\n")) == ("", 1)
        assert "there is no directory /nonexistent; create it first" in err
    line = " " * 1023 + "\n"
    assert "(1 row)" in piped("SELECT\n" + 15 * line + "1;")[0]
    assert piped("SELECT\n" + 16 * line + "1;", code=70)[1] == "ERROR:  a statement has more than 16 KiB\n"


def test_an_interrupted_script_says_so(served: "psycopg.Connection[object]", directory: Path) -> None:
    with served.transaction():
        served.execute("DELETE FROM notes WHERE id = 1")  # holds the writer, for which the shell must wait
        with subprocess.Popen(
            [*SHELL, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        ) as shell:
            assert shell.stdin is not None
            assert shell.stdout is not None
            shell.stdin.write("SELECT 1;\n")
            assert "(1 row)\n" in iter(shell.stdout.readline, "")
            shell.stdin.write("DELETE FROM notes;\n")
            wait_until_read(shell.stdin.fileno())
            assert interrupted(shell) == 130
    assert served.execute("SELECT count(*) FROM notes").fetchone() == (99,)


def interrupted(process: "subprocess.Popen[str]") -> int:
    """Press Ctrl-C until it ends; its exit code. The first may come before the server knows the statement."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(10)
    pytest.fail("it goes on")


def wait_until_read(pipe: int) -> None:
    """Wait until the other end has taken what was written."""
    deadline = time.monotonic() + 30
    while any(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))):
        assert time.monotonic() < deadline, "nobody reads the pipe"
        time.sleep(0.01)


def test_a_reader_that_has_enough_ends_it_quietly() -> None:
    rows = "INSERT INTO t VALUES " + ", ".join(f"({number})" for number in range(1500)) + ";"
    script = f"CREATE TABLE t (id BIGINT PRIMARY KEY);{rows}" + "SELECT * FROM t;" * 20
    shell = subprocess.Popen(
        SHELL, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with shell:
        assert shell.stdin is not None
        assert shell.stdout is not None
        assert shell.stderr is not None
        shell.stdout.close()
        shell.stdin.write(script)
        shell.stdin.close()
        assert shell.stderr.read() == ""
        assert shell.wait(timeout=20) == 0


@pytest.mark.parametrize(
    ("environment", "place"),
    [
        ({"XDG_STATE_HOME": "/state", "HOME": "/home/me"}, "/state/chaisql/shell_history"),
        ({"XDG_STATE_HOME": "relative", "HOME": "/home/me"}, "/home/me/.local/state/chaisql/shell_history"),
        ({"HOME": "/home/me"}, "/home/me/.local/state/chaisql/shell_history"),
        ({}, None),
    ],
)
def test_where_the_history_is(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], place: str | None
) -> None:
    for name in ("XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert history_file() == (Path(place) if place else None)
