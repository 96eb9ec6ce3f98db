"""Settings that a machine has for other PostgreSQL servers do not divert a connection to a directory."""

import os
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

import chaisql

NONSENSE = {
    "PGHOST": "nowhere.invalid",
    "PGHOSTADDR": "192.0.2.1",
    "PGPORT": "1",
    "PGUSER": "nobody",
    "PGPASSWORD": "secret",
    "PGDATABASE": "elsewhere",
    "PGOPTIONS": "-c search_path=nowhere",
    "PGSSLMODE": "verify-full",
    "PGSSLNEGOTIATION": "direct",
    "PGSSLROOTCERT": "system",
    "PGGSSENCMODE": "require",
    "PGCHANNELBINDING": "require",
    "PGREQUIREAUTH": "nonsense",
    "PGREQUIREPEER": "nobody",
    "PGTARGETSESSIONATTRS": "nonsense",
    "PGLOADBALANCEHOSTS": "nonsense",
    "PGCONNECT_TIMEOUT": "nonsense",
    "PGCLIENTENCODING": "nonsense",
    "PGMINPROTOCOLVERSION": "nonsense",
    "PGTZ": "Europe/Paris",
    "PGDATESTYLE": "German",
    "PGGEQO": "nonsense",
}


@pytest.fixture
def nonsense(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in NONSENSE.items():
        monkeypatch.setenv(name, value)


def test_nonsense_does_not_matter(directory: Path, nonsense: None) -> None:
    with chaisql.connect(directory) as connection:
        assert connection.info.host == str(directory)
        assert connection.info.user == "chai"
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_another_time_zone_changes_no_instant(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both the process's and libpq's; the server speaks UTC."""
    try:
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "Europe/Paris")
            patch.setenv("PGTZ", "Europe/Paris")
            time.tzset()
            keep_instants(directory)
    finally:
        time.tzset()


def keep_instants(directory: Path) -> None:
    with chaisql.connect(directory, autocommit=True) as connection:
        connection.execute("CREATE TABLE events (at TIMESTAMP PRIMARY KEY)")
        noon = datetime.fromisoformat("2030-07-02T12:00:00+02:00")
        cursor = connection.execute("INSERT INTO events VALUES (%s) RETURNING at, now()", (noon,))
        ((at, now),) = cursor.fetchall()
        assert at.replace(tzinfo=UTC) == noon
        assert abs(now - datetime.now(UTC)) < timedelta(minutes=5)
        with pytest.raises(psycopg.errors.InvalidParameterValue, match="Supported: UTC"):
            connection.execute("SET TIME ZONE 'Europe/Paris'")


def test_nonsense_matters_to_the_driver(directory: Path, nonsense: None) -> None:
    """Else the test above would prove nothing."""
    directory.mkdir()
    with pytest.raises(psycopg.Error, match="nonsense"):
        psycopg.connect(host=str(directory))


def test_a_service_fills_nothing_in(directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "services").write_text("[far]\nhostaddr=192.0.2.1\noptions=-c search_path=nowhere\n")
    monkeypatch.setenv("PGSERVICEFILE", str(tmp_path / "services"))
    monkeypatch.setenv("PGSERVICE", "far")
    with chaisql.connect(directory) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_application_name_is_kept(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGAPPNAME", "books")
    with chaisql.connect(directory) as connection:
        assert connection.info.parameter_status("application_name") == "books"


@pytest.mark.parametrize("home", [None, "/nonexistent", "/proc", "", "relative"])
def test_no_home_is_needed(directory: Path, home: str | None) -> None:
    """Services often have none, or one that cannot be written."""
    environment = {"CHAISQL_SERVER": chaisql.find_server()} | ({} if home is None else {"HOME": home})
    program = "import chaisql, sys; chaisql.connect(sys.argv[1], idle_exit=1).close()"
    done = subprocess.run(
        [sys.executable, "-c", program, directory],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_who_can_write_nowhere_else_has_a_server(short_path: Path) -> None:
    short_path.chmod(0o755)
    directory = short_path / "data"
    directory.mkdir(mode=0o700)
    os.chown(directory, 65534, 65534)
    program = (
        "import os, sys, chaisql\n"
        "server = chaisql.find_server()\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "with chaisql.Server(sys.argv[1]) as server, server.connect() as connection:\n"
        "    print(connection.execute('SELECT 1').fetchone())\n"
    )
    copy = short_path / "chaisqld"  # where the interpreter lies, others may not look
    shutil.copy(chaisql.find_server(), copy)
    done = subprocess.run(
        [sys.executable, "-c", program, directory],
        env={"CHAISQL_SERVER": str(copy), "HOME": "/root", "TMPDIR": "/proc", "XDG_RUNTIME_DIR": "/proc"},
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "(1,)\n", "")
