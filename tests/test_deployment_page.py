"""The recipe of docs/deployment.md, followed: commands run, units are valid, the proxy secures the cookie."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from werkzeug.test import Client

from chaisql.cli import main as chaisql_main
from documents import ROOT, blocks, section
from reaper.cli import main as reaper_main
from waiting import eventually
from webservers import free_port, running
from wsgi_chaisession import ChaiStore

PAGE = (ROOT / "docs" / "deployment.md").read_text()
(UNIT,) = blocks(PAGE, "ini")
PROGRAMS = Path(sys.executable).parent
# What only root on a machine of its own can do is left out; "systemctl stop" stops the server.
SHELL = """set -e
useradd() { :; }
python3() { :; }
sudo() { shift 2; "$@"; }
systemctl() { [ "$1" != stop ] || PROGRAMS/python -m chaisql stop CHAI_DB; }
"""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """What is /srv/app on the page."""
    (tmp_path / "units").mkdir()
    yield tmp_path
    if (tmp_path / "chai_db").is_dir():
        chaisql_main(["stop", str(tmp_path / "chai_db")])


def placed(text: str, home: Path) -> str:
    """The page's text with the paths of this test."""
    text = re.sub(r"/srv/app/\.venv/bin/pip install .*", ":", text)
    text = text.replace("/srv/app/.venv/bin", str(PROGRAMS)).replace("/srv/app", str(home))
    text = text.replace("--user app", f"--user daemon --directory {home}/units")
    return text.replace("/run/app", str(home))


def obey(script: str, home: Path) -> str:
    prelude = SHELL.replace("PROGRAMS", str(PROGRAMS)).replace("CHAI_DB", f"{home}/chai_db")
    command = ["sh", "-c", prelude + placed(script, home)]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_that_set_it_up(home: Path) -> None:
    for title in ("A user, a directory, the packages", "Units", "Cron instead of the reaper's unit"):
        for script in blocks(section(PAGE, title), "sh"):
            obey(script, home)
    assert (home / "chai_db").stat().st_mode & 0o777 == 0o700
    assert {path.name for path in (home / "units").iterdir()} >= {
        "chaisqld.socket",
        "chaisession-reaper.service",
        "chaisession-reaper",
    }


def test_the_commands_that_look_after_it(home: Path) -> None:
    store = ChaiStore(home / "chai_db", timeout=20)
    try:
        store.create_schema()
        assert reaper_main(["once", str(home / "chai_db")]) == 0
        (script,) = blocks(section(PAGE, "Is it well"), "sh")
        told = obey(script, home)
    finally:
        store.close()
    assert "active sessions:" in told
    assert "the server answers" in told


def test_a_backup_is_made_and_put_in_place(home: Path) -> None:
    store = ChaiStore(home / "chai_db", timeout=20)
    try:
        store.create_schema()
        assert chaisql_main(["status", str(home / "chai_db")]) == 0
        store.record_reaper_run(deleted=7, seconds=0.1)
        make, put_back = blocks(section(PAGE, "Backup"), "sh")
        obey(make, home)
        store.record_reaper_run(deleted=1, seconds=0.1)
        store.close()
        obey(put_back, home)
        status = store.reaper_status()
        assert status is not None
        assert status.deleted == 7
    finally:
        store.close()


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_applications_unit(home: Path) -> None:
    units = home / "units"
    assert (
        reaper_main(
            ["install", "/srv/app/chai_db", "--systemd", "--user", "daemon", "--directory", str(units)]
        )
        == 0
    )
    (units / "app.service").write_text(UNIT.replace("/srv/app/.venv/bin", str(PROGRAMS)))
    command = ["systemd-analyze", "verify", "--man=no", str(units / "app.service")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "app.service" in line]) == (0, [])


def test_every_unit_that_is_enabled_is_there(home: Path) -> None:
    named = set(re.findall(r"[\w-]+\.(?:service|socket)", "".join(blocks(PAGE, "sh")) + UNIT))
    reaper_main(
        ["install", "/srv/app/chai_db", "--systemd", "--user", "daemon", "--directory", str(home / "units")]
    )
    assert named <= {"app.service"} | {path.name for path in (home / "units").iterdir()}


NGINX = """
daemon off;
pid HOME/nginx.pid;
error_log HOME/error.log;
WHO
events {}
http {
  access_log off;
  client_body_temp_path HOME/body; proxy_temp_path HOME/proxy; fastcgi_temp_path HOME/fastcgi;
  uwsgi_temp_path HOME/uwsgi; scgi_temp_path HOME/scgi;
"""


def nginx(home: Path, port: int) -> list[str]:
    """The command that serves the page's configuration at *port*, with a certificate for 127.0.0.1."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed: apt install nginx-light")
    (block,) = blocks(PAGE, "nginx")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(home / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(home / "server.pem")
    who = "user root;" if os.geteuid() == 0 else ""  # its workers have to reach this test's folder
    text = NGINX.replace("HOME", str(home)).replace("WHO", who) + placed(block, home) + "}\n"
    text = text.replace("listen 443", f"listen 127.0.0.1:{port}")
    text = re.sub(r"/etc/ssl/\S+;", f"{home}/server.pem;", text)
    (home / "nginx.conf").write_text(text)
    return [program, "-p", str(home), "-c", str(home / "nginx.conf"), "-e", str(home / "error.log")]


def test_behind_nginx_the_cookie_is_secure(home: Path) -> None:
    (program,) = (
        b for b in blocks((ROOT / "docs" / "frameworks.md").read_text(), "python") if "# shop.py" in b
    )
    (home / "shop.py").write_text(program)
    started = re.search(r"^ExecStart=(.*)$", UNIT, re.MULTILINE)
    assert started is not None
    port = free_port()
    proxy = nginx(home, port)
    gunicorn = [*shlex.split(placed(started[1], home)), "--chdir", str(home), "--no-control-socket"]
    with running(gunicorn, {}, port), running(proxy, {}, port), requests.Session() as browser:
        browser.trust_env = False
        browser.verify = str(home / "ca.pem")

        def visit() -> list[requests.Response]:
            try:
                answer = browser.get(f"https://127.0.0.1:{port}/", timeout=30)
            except requests.ConnectionError:
                return []
            return [answer] if answer.ok else []  # 502 while gunicorn starts

        (first,) = eventually(visit)
        assert "; Secure" in first.headers["Set-Cookie"]
        assert (first.text, browser.get(first.url, timeout=30).text) == ("Visit number 1", "Visit number 2")


def run(source: str, home: Path, **names: Any) -> dict[str, Any]:
    exec(compile(placed(source, home), "deployment.md", "exec"), names)
    return names


def test_the_servers_address_reaches_it(home: Path) -> None:
    owner = ChaiStore(home / "chai_db", timeout=20)
    owner.create_schema()
    (source,) = blocks(section(PAGE, "Units"), "python")
    client = run(source, home)["store"]
    try:
        assert client.count() == 0
    finally:
        client.close()
        owner.close()


def test_proxy_fix_outside_lets_a_secure_cookie_through(home: Path, stores: list[ChaiStore]) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        environ["chaisession.session"]["a"] = 1
        start_response("200 OK", [])
        return [b""]

    (source,) = blocks(section(PAGE, "nginx"), "python")
    client = Client(run(source, home, app=app)["application"])
    assert "Set-Cookie" not in client.get("/").headers
    assert "; Secure" in client.get("/", headers={"X-Forwarded-Proto": "https"}).headers["Set-Cookie"]


def test_on_postgresql(home: Path, postgres_url: str) -> None:
    address = "postgresql://app@db.example.org/sessions"
    text = section(PAGE, "On PostgreSQL")
    (script,), (source,) = blocks(text, "sh"), blocks(text, "python")
    obey(
        script.replace("chaisession", str(PROGRAMS / "chaisession")).replace(address, f"'{postgres_url}'"),
        home,
    )
    store = run(source.replace(address, postgres_url), home)["store"]
    try:
        assert store.count() == 0
    finally:
        store.close()


def test_every_block_is_among_the_tested() -> None:
    shown = re.findall(r"^```(\w+)$", PAGE, re.MULTILINE)
    assert {language: shown.count(language) for language in shown} == {
        "text": 1,
        "sh": 10,
        "ini": 1,
        "nginx": 1,
        "python": 3,
    }
