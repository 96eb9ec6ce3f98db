"""The shipped files, obeyed as cron does, by a real supervisord, and the Containerfile as far as can be."""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chaisql.address import published_address
from reaper.cli import main
from waiting import eventually
from wsgi_chaisession import ChaiStore

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "examples" / "deploy"
DEADLINE = 60.0
CRON_DEADLINE = 100.0  # it looks once a minute
# What a checkout that is not installed is found by; cron and supervisord hand on nothing else.
VARIABLES = {name: os.environ[name] for name in ("PYTHONPATH", "CHAISQL_SERVER") if name in os.environ} | {
    "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)
}


@pytest.fixture
def chai(chai_dir: Path) -> Iterator[ChaiStore]:
    store = ChaiStore(chai_dir, timeout=20)
    store.create_schema()
    expired(store, "first")
    yield store
    store.close()


def expired(store: ChaiStore, name: str) -> None:
    assert store.insert(name, b"x", datetime.now(UTC) - timedelta(minutes=1))


@contextmanager
def running(command: list[str], log: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, **variables}, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE)


LOGGER = """#!/bin/sh
[ "$*" = "-t chaisession-reaper" ] && exec cat >"$LOG"
"""


def test_what_cron_is_told_to_run_deletes_and_logs(chai: ChaiStore, chai_dir: Path, tmp_path: Path) -> None:
    """As cron does: its shell, hardly any variables, the line's sixth word is the user."""
    table, programs, log = tmp_path / "cron.d", tmp_path / "bin", tmp_path / "log"
    table.mkdir()
    programs.mkdir()
    (programs / "logger").write_text(LOGGER)
    (programs / "logger").chmod(0o755)
    assert main(["install", str(chai_dir), "--cron", "--user", "root", "--directory", str(table)]) == 0
    (file,) = table.iterdir()
    *_, line = file.read_text().splitlines()
    *schedule, user, command = line.split(maxsplit=6)
    assert (schedule, user) == (["*/5", "*", "*", "*", "*"], "root")
    variables = {**VARIABLES, "PATH": f"{programs}:/usr/bin:/bin", "HOME": "/", "LOG": str(log)}
    subprocess.run(
        ["/bin/sh", "-c", command.replace("\\%", "%")], env=variables, cwd="/", check=True, timeout=DEADLINE
    )
    assert log.read_text().startswith("deleted 1 expired session in ")
    assert (runs(chai), chai.count_expired()) == (1, 0)


# cron with a table of its own: the machine's are hidden from it, in its own view of the file system.
CRON = """
mount --bind "$1" /etc/cron.d
mount -t tmpfs tmpfs /var/spool/cron
mount -t tmpfs tmpfs /run
[ ! -e /etc/crontab ] || mount --bind "$2" /etc/crontab
exec cron -f
"""


@pytest.mark.skipif(os.environ.get("CHAISESSION_TESTS") != "all", reason="cron looks once a minute")
@pytest.mark.timeout(180)
def test_a_real_cron_runs_what_is_installed(chai: ChaiStore, chai_dir: Path, tmp_path: Path) -> None:
    if shutil.which("cron") is None or shutil.which("unshare") is None:
        pytest.skip("cron or unshare is not installed")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode:
        pytest.skip("a view of the file system of its own takes more rights")
    table, empty = tmp_path / "cron.d", tmp_path / "empty"
    table.mkdir()
    empty.touch()
    options = ["--cron", "--user", "root", "--interval", "1m", "--directory", str(table)]
    assert main(["install", str(chai_dir), *options]) == 0
    (line,) = table.iterdir()
    line.write_text("".join(f"{name}={value}\n" for name, value in VARIABLES.items()) + line.read_text())
    command = ["unshare", "--mount", "sh", "-euc", CRON, "sh", str(table), str(empty)]
    log = tmp_path / "log"
    with running(command, log) as cron:
        eventually(lambda: runs(chai) or cron.poll() is not None, seconds=CRON_DEADLINE)
    assert (runs(chai), chai.count_expired()) == (1, 0), log.read_text()


SUPERVISORD = """
[supervisord]
nodaemon=true
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
childlogdir={folder}
"""


def test_supervisord_keeps_server_and_reaper_running(tmp_path: Path) -> None:
    if importlib.util.find_spec("supervisor") is None:
        pytest.skip("supervisor is not installed")
    directory = tmp_path / "db"
    first = ChaiStore(directory, timeout=20)
    expired(first, "first")
    first.close()
    store = ChaiStore(f"postgresql:///postgres?host={directory}", timeout=20)
    python = f"{sys.executable} -m"
    text = (DEPLOY / "supervisord.conf").read_text()
    text = text.replace("/srv/app/.venv/bin/python -m", python).replace("/srv/app/chai_db", str(directory))
    text = text.replace("/srv/app/.venv/bin/chaisession-reaper", f"{python} reaper").replace("user=app\n", "")
    assert "/srv/app" not in text
    config = tmp_path / "supervisord.conf"
    config.write_text(SUPERVISORD.format(folder=tmp_path) + text.replace("--interval 5m", "--interval 1s"))
    stop_server(directory)  # the one that this test started
    log = tmp_path / "log"
    command = [sys.executable, "-m", "supervisor.supervisord", "--configuration", str(config)]
    with running(command, log, **VARIABLES) as supervisord:
        eventually(lambda: log.read_text().count("entered RUNNING state") == 2)
        eventually(lambda: runs(store) >= 1)
        assert store.count_expired() == 0
        kill_server(directory)
        expired(store, "second")
        eventually(lambda: store.count_expired() == 0)
        eventually(lambda: log.read_text().count("entered RUNNING state") >= 3)
        supervisord.terminate()
        assert supervisord.wait(DEADLINE) == 0
    store.close()
    ended = [text for text in log.read_text().splitlines() if "stopped: " in text]
    assert {"chaisqld" in text for text in ended} == {True, False}
    assert all("exit status 0" in text for text in ended), ended
    assert published_address(directory).pid is None


def runs(store: ChaiStore) -> int:
    status = store.reaper_status()
    return 0 if status is None else status.runs


def stop_server(directory: Path) -> None:
    command = [sys.executable, "-m", "chaisql", "stop", str(directory)]
    subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE)


def kill_server(directory: Path) -> None:
    pid = published_address(directory).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def instructions(containerfile: str) -> list[tuple[str, str]]:
    joined = containerfile.replace("\\\n", " ")
    lines = (line.strip() for line in joined.splitlines())
    return [
        (word, rest) for line in lines if line and line[0] != "#" for word, _, rest in [line.partition(" ")]
    ]


def in_container(words: str) -> list[str]:
    """What the container runs, as this machine has it."""
    program, *arguments = json.loads(words)
    assert program == "/opt/reaper/bin/chaisession-reaper"
    return [sys.executable, "-m", "reaper", *arguments]


def test_what_the_containerfile_copies_and_installs_is_there() -> None:
    told = instructions((DEPLOY / "Containerfile").read_text())
    (install,) = [rest for word, rest in told if word == "RUN"]
    distributions = [word.strip('"') for word in install.split() if "/src" in word]
    assert distributions == ["/src/chai-python", "/src[metrics]"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert "metrics" in project["optional-dependencies"]
    assert "chaisession-reaper" in project["scripts"]
    assert (ROOT / "chai-python" / "pyproject.toml").exists()


def test_the_containers_command_health_check_and_end(chai: ChaiStore, chai_dir: Path, tmp_path: Path) -> None:
    told = dict(instructions((DEPLOY / "Containerfile").read_text()))
    variables: Mapping[str, Any] = dict(pair.split("=") for pair in told["ENV"].split())
    assert variables["CHAISESSION_STORE"] == "/data"
    environment = {**variables, "CHAISESSION_STORE": str(chai_dir)}
    health = told["HEALTHCHECK"].partition("CMD ")[2]
    with running(in_container(told["ENTRYPOINT"]), tmp_path / "log", **environment) as container:
        eventually(lambda: runs(chai) == 1)
        checked = subprocess.run(
            in_container(health), env={**os.environ, **environment}, capture_output=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
        container.send_signal(signal.Signals[told["STOPSIGNAL"]])
        assert container.wait(DEADLINE) == 0
    assert chai.count_expired() == 0
