"""Exit codes: one table, which agrees with the server's, and which errors lead to which."""

import re
import subprocess
import sys

import psycopg
import pytest

import chaisql
from chaisql import cli
from chaisql.errors import AccessError
from chaisql.exits import MEANINGS, OF_THE_SERVER, Exit, exit_of


def told(*command: str) -> dict[int, str]:
    """The exit codes that a program's help lists."""
    help_text = subprocess.run(
        [*command, "--help"], capture_output=True, text=True, timeout=30, check=True
    ).stdout
    listed = " ".join(help_text.partition("Exit codes:")[2].split()).partition(".")[0]
    return {int(code): meaning for code, meaning in re.findall(r"(\d+) ([^\d;]+)", listed)}


def test_the_server_has_the_same() -> None:
    theirs = told(chaisql.find_server())
    assert theirs.keys() == OF_THE_SERVER
    for code in (Exit.DONE, Exit.USAGE, Exit.DAMAGED):
        assert theirs[code] == MEANINGS[code]


def test_help_lists_them_all() -> None:
    assert MEANINGS.keys() == set(Exit) == told(sys.executable, "-m", "chaisql").keys()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (chaisql.ServerError("damaged", exit_code=65, permanent=True), 65),
        (chaisql.ServerError("killed", exit_code=-9), 70),
        (chaisql.ServerError("not executable", exit_code=126, permanent=True), 70),
        (chaisql.ServerError("no server answered in time"), 75),
        (chaisql.ServerError("another version", permanent=True), 70),
        (AccessError("no parent", permanent=True), 73),
        (PermissionError(13, "Permission denied"), 73),
        (psycopg.OperationalError("connection refused"), 70),
        (OSError(5, "Input/output error"), 70),
    ],
)
def test_errors_have_the_code_of_what_is_to_be_done(error: Exception, code: int) -> None:
    assert exit_of(error) == code


def test_no_command_is_wrong_usage_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == Exit.USAGE
    assert capsys.readouterr() == ("", "chaisql: Missing command (see chaisql --help)\n")
