"""Sdists from what is committed, wheels from the sdists."""

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

Target = tuple[str, str]
# GOOS and GOARCH. The tag of a wheel is chosen by chai-python/hatch_build.py.
TARGETS: tuple[Target, ...] = (
    ("linux", "amd64"),
    ("linux", "arm64"),
    ("darwin", "amd64"),
    ("darwin", "arm64"),
)
COMMAND_SECONDS = 1200.0  # a compilation with empty caches takes one or two minutes
SHOWN_CHARACTERS = 3000
# In a folder that was made here, and may be emptied here.
MARKER = ".made-by-release"


class StepError(Exception):
    """A step of the release failed: the message says which, and why."""


class CommandError(StepError):
    """A command failed: its last words."""


@dataclass(frozen=True, kw_only=True)
class Release:
    """What one release is made of."""

    root: Path  # the repository
    out: Path  # gets what is to be published
    folder: Path  # for everything else; nobody's but ours
    go: str  # the command
    epoch: str  # SOURCE_DATE_EPOCH: the last commit's seconds since 1970


def run(
    command: list[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout: float = COMMAND_SECONDS,
) -> str:
    """Standard output of *command*; CommandError when it fails, or does not end within *timeout* seconds."""
    shown = " ".join(command[:6])
    try:
        done = subprocess.run(
            command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise CommandError(f"{shown} did not end within {timeout:g} s") from error
    if done.returncode:
        said = (done.stdout + done.stderr).strip()[-SHOWN_CHARACTERS:]
        raise CommandError(f"{shown} failed with {done.returncode}:\n{said}")
    return done.stdout


def committed_at(root: Path) -> str:
    """When the last commit was made, in seconds since 1970."""
    return run(["git", "log", "-1", "--format=%ct"], cwd=root).strip()


def build(release: Release) -> dict[Target, Path]:
    """Everything into the release's folder; gives the wheels with a server."""
    empty(release.out)
    source = committed(release.root, release.folder)
    for project in (source, source / "chai-python"):
        hatchling(project, "sdist", release.out, SOURCE_DATE_EPOCH=release.epoch)
    place = release.folder / "unpacked"
    pure = unpacked(release.out, "wsgi_chaisession", place)
    hatchling(pure, "wheel", release.out, SOURCE_DATE_EPOCH=release.epoch)
    project = unpacked(release.out, "chai_python", place)
    return {target: server_wheel(release, project, target, release.out) for target in TARGETS}


def empty(out: Path) -> None:
    """Make *out* an empty folder; StepError, and nothing is touched, when it holds what was not made here."""
    if out.is_dir() and (out / MARKER).exists():
        shutil.rmtree(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise StepError(f"{out} is not a folder") from error
    if any(out.iterdir()):
        raise StepError(f"{out} holds files that were not made here: empty it, or name another folder")
    (out / MARKER).write_text("`make wheels` empties this folder.\n")


def published(out: Path) -> list[Path]:
    """The sdists and wheels in *out*."""
    return sorted(file for file in out.iterdir() if file.name != MARKER)


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


def server_wheel(release: Release, project: Path, target: Target, out: Path) -> Path:
    """The wheel of chai-python for *target*, made from *project* into *out*."""
    before = set(out.glob("*.whl"))
    goos, goarch = target
    sys.stdout.write(f"building for {goos}/{goarch}\n")
    sys.stdout.flush()
    platform = {"GOOS": goos, "GOARCH": goarch}
    hatchling(project, "wheel", out, CHAISQL_GO=release.go, SOURCE_DATE_EPOCH=release.epoch, **platform)
    (wheel,) = set(out.glob("*.whl")) - before
    return wheel
