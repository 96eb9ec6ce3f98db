"""Let `chaisqld` work on a directory that nobody serves, as a child that tells how far it is."""

import contextlib
import json
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from chaisql.exits import CommandError, Exit, of_child
from chaisql.launch import uninterrupted
from chaisql.locate import find_server
from chaisql.progress import Listener, read_event

# How long a child that was told to end may take to remove what it half made.
ENDING_SECONDS = 15.0


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How it went: *result* is the child's report, *message* its complaint in one line."""

    code: Exit
    result: dict[str, Any] | None
    message: str


def run(arguments: Sequence[str], *, progress: Listener) -> Finished:
    """Run `chaisqld` with *arguments* and hand its progress on."""
    argv = [find_server(), *arguments]
    with tempfile.TemporaryFile("w+", errors="replace") as complaints, _child(argv, complaints) as process:
        result = _follow(process, progress)
        code = process.wait()
        complaints.seek(0)
        return Finished(code=of_child(code), result=result, message=_message(complaints, code))


@contextlib.contextmanager
def _child(argv: Sequence[str], complaints: IO[str]) -> "Generator[subprocess.Popen[str], None, None]":
    """Run *argv*; when we are interrupted, it is too, even while it comes to be."""
    started: list[subprocess.Popen[str]] = []

    def start() -> None:
        try:
            started.append(
                subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints, text=True
                )
            )
        except OSError as error:
            raise CommandError(f"cannot run {argv[0]}: {error.strerror}") from error

    try:
        uninterrupted(start)
        yield started[0]
    finally:
        for process in started:
            with process:
                _end(process)


def _follow(process: "subprocess.Popen[str]", progress: Listener) -> dict[str, Any] | None:
    """Read what it prints until it ends."""
    assert process.stdout is not None  # noqa: S101 - for the type checkers
    result = None
    for line in process.stdout:
        if event := read_event(line):
            progress(*event)
        else:
            result = _read_result(line) or result
    return result


def _read_result(line: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(line)["result"])
    except (ValueError, TypeError, KeyError):
        return None


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _message(complaints: IO[str], returncode: int) -> str:
    lines = complaints.read().splitlines()
    if returncode < 0:
        return f"chaisqld was killed by signal {-returncode}"
    return lines[-1].removeprefix("chaisqld: ") if lines else f"chaisqld ended with exit code {returncode}"
