"""Sdists from what is committed, wheels from the sdists."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path

Target = tuple[str, str]
# GOOS and GOARCH. The tag of a wheel is chosen by chai-python/hatch_build.py.
TARGETS: tuple[Target, ...] = (
    ("linux", "amd64"),
    ("linux", "arm64"),
    ("darwin", "amd64"),
    ("darwin", "arm64"),
)
COMMAND_SECONDS = 1200  # a compilation with empty caches takes one or two minutes
SHOWN_CHARACTERS = 3000


class CommandError(Exception):
    """A command failed: its last words."""


def run(command: list[str], *, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    """Standard output of *command*; CommandError when it fails."""
    done = subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-SHOWN_CHARACTERS:]
        raise CommandError(f"{' '.join(command[:6])} failed with {done.returncode}:\n{said}")
    return done.stdout


def build(root: Path, out: Path, folder: Path, go: str) -> dict[Target, Path]:
    """Everything into *out*; gives the wheels with a server."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    source = committed(root, folder)
    os.environ["SOURCE_DATE_EPOCH"] = run(["git", "log", "-1", "--format=%ct"], cwd=root).strip()
    for project in (source, source / "chai-python"):
        hatchling(project, "sdist", out)
    hatchling(unpacked(out, "wsgi_chaisession", folder / "unpacked"), "wheel", out)
    project = unpacked(out, "chai_python", folder / "unpacked")
    return {target: server_wheel(project, target, out, go) for target in TARGETS}


def committed(root: Path, folder: Path) -> Path:
    """The tree of the last commit, so that nothing that lies about gets in."""
    archive = folder / "committed.tar"
    run(["git", "archive", "-o", str(archive), "HEAD"], cwd=root)
    with tarfile.open(archive) as tar:
        tar.extractall(folder / "committed", filter="data")
    return folder / "committed"


def unpacked(out: Path, distribution: str, folder: Path) -> Path:
    """The one folder in the sdist of *distribution*."""
    (sdist,) = out.glob(f"{distribution}-*.tar.gz")
    with tarfile.open(sdist) as tar:
        tar.extractall(folder, filter="data")
    return folder / sdist.name.removesuffix(".tar.gz")


def hatchling(project: Path, kind: str, out: Path, **environment: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
    run(command, cwd=project, env={**os.environ, **environment})


def server_wheel(project: Path, target: Target, out: Path, go: str) -> Path:
    before = set(out.glob("*.whl"))
    goos, goarch = target
    sys.stdout.write(f"building for {goos}/{goarch}\n")
    sys.stdout.flush()
    hatchling(project, "wheel", out, GOOS=goos, GOARCH=goarch, CHAISQL_GO=go)
    (wheel,) = set(out.glob("*.whl")) - before
    return wheel


def check_reproducible(wheels: dict[Target, Path], folder: Path, go: str) -> None:
    """The same bytes from a folder of another name; CommandError when not."""
    target, wheel = next(iter(wheels.items()))
    again = folder / "another folder" / "out"
    again.mkdir(parents=True)
    project = unpacked(wheel.parent, "chai_python", folder / "another folder")
    second = server_wheel(project, target, again, go)
    if digest(wheel) != digest(second):
        raise CommandError(f"{wheel.name} came out with other bytes the second time")


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
