"""The server over TCP, for other machines: TLS and passwords, as Python programs use them."""

import os
import pty
import re
import select
import shutil
import socket
import ssl
import subprocess
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
import trustme
from psycopg.conninfo import make_conninfo

import chaisql

PASSWORD = "correct horse battery staple"
ADDRESS = re.compile(rb"network=tcp address=127\.0\.0\.1:(\d+)")


@dataclass
class Remote:
    """A server on TCP, and what its clients need to know."""

    folder: Path
    authority: trustme.CA = field(default_factory=trustme.CA)
    port: int = 0

    @property
    def flags(self) -> list[str]:
        names = {"--tls-cert": "server.crt", "--tls-key": "server.key", "--auth-file": "users"}
        return [part for flag, name in names.items() for part in (flag, str(self.folder / name))]

    def certify(self, *, until: datetime | None = None) -> None:
        issued = self.authority.issue_cert("localhost", not_after=until)
        self.authority.cert_pem.write_to_path(str(self.folder / "ca.crt"))
        issued.cert_chain_pems[0].write_to_path(str(self.folder / "server.crt"))
        (self.folder / "server.key").touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(self.folder / "server.key"))

    def set_password(self, user: str, password: str) -> None:
        command = [chaisql.find_server(), "passwd", "--auth-file", str(self.folder / "users"), user]
        subprocess.run(command, input=password.encode(), check=True, timeout=30, capture_output=True)

    def url(self, user: str = "alice", password: str = PASSWORD, **settings: str) -> str:
        host = {"host": "localhost", "hostaddr": "127.0.0.1", "port": str(self.port), "dbname": "chai"}
        tls = {"sslmode": "verify-full", "sslrootcert": str(self.folder / "ca.crt"), "connect_timeout": "10"}
        return make_conninfo(**{**host, **tls, "user": user, "password": password, **settings})


@pytest.fixture
def start(short_path: Path) -> Iterator[Callable[[Remote], Remote]]:
    """Start the server of a Remote and find out its port; stopped afterwards."""
    processes = []

    def run(remote: Remote) -> Remote:
        command = [chaisql.find_server(), "--dir", str(short_path / "data"), "--listen", "tcp://127.0.0.1:0"]
        process = subprocess.Popen([*command, *remote.flags], stderr=subprocess.PIPE)
        processes.append(process)
        said = b""
        assert process.stderr is not None
        for line in process.stderr:
            said += line
            if b"msg=ready" in line:
                break
        found = ADDRESS.search(said)
        assert found, said.decode()
        remote.port = int(found[1])
        return remote

    yield run
    for process in processes:
        process.terminate()
        _, left = process.communicate(timeout=30)
        assert process.returncode == 0, left.decode()


@pytest.fixture
def remote(tmp_path: Path, start: Callable[[Remote], Remote]) -> Remote:
    remote = Remote(tmp_path)
    remote.certify()
    remote.set_password("alice", PASSWORD)
    return start(remote)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({}, id="verify-full"),
        pytest.param({"channel_binding": "require"}, id="channel binding"),
        pytest.param({"channel_binding": "disable"}, id="no channel binding"),
        pytest.param({"sslmode": "require"}, id="require"),
        pytest.param({"ssl_max_protocol_version": "TLSv1.2"}, id="TLS 1.2"),
    ],
)
def test_psycopg_connects(remote: Remote, settings: dict[str, str]) -> None:
    with psycopg.connect(remote.url(**settings)) as connection:
        assert connection.pgconn.ssl_in_use
        assert connection.execute("SHOW session_authorization").fetchone() == ("alice",)


def test_direct_tls(remote: Remote) -> None:
    if psycopg.pq.version() < 170000:
        pytest.skip("this libpq cannot begin with TLS at once")
    with psycopg.connect(remote.url(sslnegotiation="direct")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_chaisql_connects_to_a_url(remote: Remote) -> None:
    user = f"alice:{quote(PASSWORD)}"
    tls = f"sslmode=verify-full&sslrootcert={remote.folder}/ca.crt"
    url = f"postgresql://{user}@localhost:{remote.port}/chai?{tls}"
    with chaisql.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE notes (id BIGINT PRIMARY KEY, body TEXT)")
        connection.execute("INSERT INTO notes VALUES (%s, %s)", (1, "über TLS"))
        assert connection.execute("SELECT body FROM notes").fetchall() == [("über TLS",)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param({"password": "wrong"}, 'password authentication failed for user "alice"', id="password"),
        pytest.param({"user": "bob"}, 'password authentication failed for user "bob"', id="user"),
        pytest.param({"sslmode": "disable"}, "connections over TCP with TLS only", id="no TLS"),
        pytest.param({"host": "elsewhere.test"}, "does not match host name", id="host"),
    ],
)
def test_who_is_refused_is_told_why(remote: Remote, settings: dict[str, str], message: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=message):
        psycopg.connect(remote.url(**settings))
    psycopg.connect(remote.url()).close()


def test_another_authority_is_not_trusted(remote: Remote, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    trustme.CA().cert_pem.write_to_path(str(other))
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(remote.url(sslrootcert=str(other)))


def test_an_expired_certificate_is_not_trusted(tmp_path: Path, start: Callable[[Remote], Remote]) -> None:
    remote = Remote(tmp_path)
    remote.certify(until=datetime.now(UTC) - timedelta(days=1))
    remote.set_password("alice", PASSWORD)
    start(remote)
    with pytest.raises(psycopg.OperationalError, match="certificate verify failed"):
        psycopg.connect(remote.url())


def test_its_tls_is_what_pythons_defaults_demand(remote: Remote) -> None:
    context = ssl.create_default_context(cafile=str(remote.folder / "ca.crt"))
    context.set_alpn_protocols(["postgresql"])
    with (
        socket.create_connection(("127.0.0.1", remote.port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as encrypted,
    ):
        assert encrypted.selected_alpn_protocol() == "postgresql"
        assert encrypted.version() == "TLSv1.3"


def test_postgresqls_verifiers_are_understood(tmp_path: Path, start: Callable[[Remote], Remote]) -> None:
    """Libpq makes them for CREATE ROLE: what it makes can be put into the file as it is."""
    remote = start_with_line(Remote(tmp_path), libpq_verifier("bob", "from libpq"), start)
    with psycopg.connect(remote.url("bob", "from libpq")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def start_with_line(remote: Remote, line: str, start: Callable[[Remote], Remote]) -> Remote:
    remote.certify()
    users = remote.folder / "users"
    users.touch(mode=0o600)
    users.write_text(line + "\n")
    return start(remote)


def libpq_verifier(user: str, password: str) -> str:
    with chaisql.connect(":memory:") as connection:
        verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256")
    return f"{user}:{verifier.decode()}"


@pytest.mark.parametrize(("again", "code"), [("same one\n", 0), ("another\n", 64)])
def test_a_password_typed_on_a_terminal(tmp_path: Path, again: str, code: int) -> None:
    users = tmp_path / "users"
    master, slave = pty.openpty()
    command = [chaisql.find_server(), "passwd", "--auth-file", str(users), "alice"]
    process = subprocess.Popen(command, stdin=slave, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = b""
    for prompt, typed in ((b"Password: ", "same one\n"), (b"Again: ", again)):
        while prompt not in said:
            said += os.read(process.stderr.fileno(), 1000)
        wait_for_no_echo(slave)
        os.write(master, typed.encode())
    said += process.communicate(timeout=30)[1]
    shown, _, _ = select.select([master], [], [], 0)
    os.close(slave)
    os.close(master)
    assert process.returncode == code, said
    assert users.exists() == (code == 0)
    assert not shown
    assert b"same one" not in said


def wait_for_no_echo(terminal: int) -> None:
    deadline = time.monotonic() + 10
    while termios.tcgetattr(terminal)[3] & termios.ECHO:
        assert time.monotonic() < deadline, "the terminal shows what is typed"
        time.sleep(0.005)


def test_a_java_program(remote: Remote) -> None:
    """JDBC speaks TCP alone, and its URL wants the certificate's path. It is not in our time zone."""
    java = shutil.which("java")
    driver = Path("/usr/share/java/postgresql.jar")  # Debian's libpostgresql-jdbc-java
    if java is None or shutil.which("javac") is None or not driver.exists():
        pytest.skip("there is no Java with its compiler, or no JDBC driver for PostgreSQL")
    where = f"jdbc:postgresql://localhost:{remote.port}/chai?sslmode=verify-full"
    url = f"{where}&sslrootcert={remote.folder / 'ca.crt'}&user=alice&password={quote(PASSWORD)}"
    program = Path(__file__).with_name("Client.java")
    options = ["-Duser.timezone=Europe/Paris", "-XX:TieredStopAtLevel=1"]
    command = [java, *options, "-cp", str(driver), str(program), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
