"""Settings that a machine has for other PostgreSQL servers do not divert a connection to a directory."""

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
