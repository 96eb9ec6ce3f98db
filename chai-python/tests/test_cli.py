"""The command line, as a person or a supervisor runs it."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import chaisql
from chaisql import cli
from chaisql.address import Address
from chaisql.probe import Presence, ask


def run(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "chaisql", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)


def test_status_and_stop_follow_a_server(directory: Path) -> None:
    chaisql.connect(directory).close()
    status = run("status", directory)
    assert status.returncode == 0
    assert re.fullmatch(
        rf"the server answers: pid \d+, version {chaisql.VERSION}, socket {directory}/.s.PGSQL.5432\n",
        status.stdout,
    )
    stopped = run("stop", directory)
    assert (stopped.returncode, stopped.stderr) == (0, "")
    assert re.fullmatch(r"stopped chaisqld \d+\n", stopped.stdout)
    for command in ("status", "stop"):
        done = run(command, directory)
        assert (done.returncode, done.stdout) == (3, f"no server runs for {directory}\n")


def test_serve_runs_in_the_foreground_until_told(directory: Path, wait_gone: Callable[[int], None]) -> None:
    command = [sys.executable, "-m", "chaisql", "serve", str(directory)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "ready" in line:
                break
        assert ask(Address(socket_dir=directory)).pid == process.pid
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
    assert process.returncode == 0


def test_serve_says_why_it_cannot(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    done = run("serve", tmp_path)
    assert done.returncode == 65
    assert str(tmp_path) in done.stderr
    assert "Traceback" not in done.stderr


def test_versions_are_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["version"]) == 0
    package, server = capsys.readouterr().out.splitlines()
    assert package == f"chai-python {chaisql.VERSION}"
    assert server == f"chaisqld {chaisql.VERSION} ({chaisql.find_server()})"


STRANGER = r"""
import socket, sys
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    listener.listen()
    print("ready", flush=True)
    while True:
        client, _ = listener.accept()
        with client:
            client.recv(4096)
            client.sendall(b"E\0\0\0\x10C28000\0Mno\0\0")
"""


@pytest.mark.parametrize("named", [None, 7])
def test_a_stranger_at_the_socket_is_not_stopped(
    directory: Path, capsys: pytest.CaptureFixture[str], named: int | None
) -> None:
    """It may be PostgreSQL, or a service manager that holds the socket for its server."""
    directory.mkdir()
    if named is not None:
        (directory / "chaisqld.json").write_text(json.dumps({"pid": named, "socket_dir": str(directory)}))
    socket = str(directory / ".s.PGSQL.5432")
    with subprocess.Popen([sys.executable, "-c", STRANGER, socket], stdout=subprocess.PIPE) as stranger:
        try:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == b"ready\n"
            assert cli.main(["stop", str(directory)]) == 70
            assert stranger.poll() is None
        finally:
            stranger.kill()
    names = "no server" if named is None else f"process {named}"
    assert re.fullmatch(
        rf"chaisql: process {stranger.pid} \(\S+\) listens at {socket}, but chaisqld.json names {names}: "
        r"stop it with what started it, .*\n",
        capsys.readouterr().err,
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--wrong"], 64, "--wrong"),
        (["stop"], 64, "DIRECTORY"),
        (["stop", "x", "--timeout", "0"], 64, "--timeout"),
        (["serve", "x", "--log-level", "loud"], 64, "--log-level"),
        (["status", "/nonexistent/data"], 66, "there is no directory /nonexistent/data"),
        (["serve", "/nonexistent/data"], 73, "there is no directory /nonexistent; create it first"),
        (["shell", "/nonexistent/data"], 73, "there is no directory /nonexistent; create it first"),
        (["shell", "/nonexistent/data", "-f", os.devnull], 73, "there is no directory /nonexistent"),
        (["shell", str(Path(__file__).parent)], 65, "not a chaisqld database"),
        (["status", __file__], 64, "is a file"),
    ],
)
def test_mistakes_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert cli.main(arguments) == code
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("chaisql: ")
    assert error.count("\n") == 1


def test_a_missing_server_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHAISQL_SERVER", "/nonexistent/chaisqld")
    assert cli.main(["version"]) == 70
    assert capsys.readouterr().err == (
        "chaisql: CHAISQL_SERVER names /nonexistent/chaisqld, which is not an executable file\n"
    )


def test_a_server_that_does_not_stop_in_time(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with chaisql.Server(directory) as server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)
        try:
            monkeypatch.setattr("chaisql.cli.ask", lambda address: ask(address, timeout=0.2))
            assert cli.main(["stop", str(directory), "--timeout", "0.2"]) == 75
        finally:
            os.kill(server.pid, signal.SIGCONT)
    assert re.fullmatch(r"chaisql: chaisqld \d+ still runs after 0.2 s\n", capsys.readouterr().err)
    assert ask(Address(socket_dir=directory)).presence is Presence.ABSENT
