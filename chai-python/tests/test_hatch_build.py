"""What the build hook makes of a Go, and of one that fails. Every set-up runs the whole of it for real."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import hatch_build

PROJECT = Path(hatch_build.__file__).parent
# A Go that knows its version and whatever else the hook asks, and compiles as told.
FAKE = """#!/bin/sh
case "$1 $2" in
"env GOVERSION") echo go1.26.0 ;;
"env GOOS") echo linux; echo arm64 ;;
"env GOROOT") echo {folder}/goroot ;;
"env "*) echo {folder}/cache ;;
"list -deps") for package in module module/below/deep; do
    printf 'example.com/module v1.2.3\\t{folder}/module\\t{folder}/%s\\n\\n' $package; done ;;
build*) {build} ;;
esac
"""
COMPILE = 'while [ "$1" != -o ]; do shift; done; echo program >"$2"; chmod 755 "$2"'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {"goroot": "Go's license", "module": "the module's license"}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "LICENSE").write_text(text)
    (tmp_path / "module" / "below" / "deep").mkdir(parents=True)
    (tmp_path / "module" / "below" / "LICENSE.txt").write_text("what the module took over")
    (tmp_path / "module" / "license.go").write_text("package module")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setenv("CHAISQL_GO", str(tmp_path / "go"))
    return tmp_path


def build(folder: Path, script: str) -> "subprocess.CompletedProcess[str]":
    go = folder / "go"
    go.write_text(FAKE.format(folder=folder, build=script))
    go.chmod(0o700)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)


def test_the_server_becomes_a_script_of_a_wheel_for_its_platform(folder: Path) -> None:
    done = build(folder, COMPILE)
    assert done.returncode == 0, done.stderr
    (wheel,) = folder.glob("*.whl")
    assert wheel.name.endswith(
        "-py3-none-manylinux_2_17_aarch64.manylinux2014_aarch64.musllinux_1_1_aarch64.whl"
    )
    with zipfile.ZipFile(wheel) as archive:
        (script,) = [name for name in archive.namelist() if name.endswith(".data/scripts/chaisqld")]
        (notices,) = [name for name in archive.namelist() if name.endswith("THIRD_PARTY_NOTICES.txt")]
        assert archive.read(script) == b"program\n"
        text = archive.read(notices).decode()
    assert "example.com/module v1.2.3: LICENSE\n\nthe module's license" in text
    assert text.count("example.com/module v1.2.3: below/LICENSE.txt\n\nwhat the module took over") == 1
    assert "license.go" not in text
    assert "Go: LICENSE\n\nGo's license" in text
    assert not list((folder / "temporary").iterdir())


@pytest.mark.parametrize(
    ("said", "hinted"), [("undefined: fastrand64", False), ("dial tcp 127.0.0.1:9: connection refused", True)]
)
def test_a_failed_compilation_is_quoted_and_leaves_nothing(folder: Path, said: str, hinted: bool) -> None:
    done = build(folder, f"echo '{said}' >&2; exit 1")
    assert done.returncode != 0
    assert said in done.stderr
    assert ("set GOPROXY" in done.stderr) == hinted
    assert "Traceback" not in done.stderr
    assert not list((folder / "temporary").iterdir())


def test_windows_is_refused_with_a_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOS", "windows")
    done = build(folder, COMPILE)
    assert done.returncode != 0
    assert "does not run on Windows" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.glob("*.whl"))


def test_caches_that_cannot_be_written_are_replaced(folder: Path) -> None:
    (folder / "cache").touch()
    done = build(folder, f'echo "$GOCACHE $GOMODCACHE $GOFLAGS" >{folder}/seen; ' + COMPILE)
    assert done.returncode == 0, done.stderr
    cache, modules, *flags = (folder / "seen").read_text().split()
    assert {Path(cache).parent.parent, Path(modules).parent.parent} == {folder / "temporary"}
    assert "-modcacherw" in flags
    assert not list((folder / "temporary").iterdir())


@pytest.mark.parametrize(
    ("target", "version", "platform"),
    [
        (("linux", "amd64"), (1, 26), "manylinux_2_17_x86_64.manylinux2014_x86_64.musllinux_1_1_x86_64"),
        (("darwin", "arm64"), (1, 26), "macosx_12_0_arm64"),
        (("darwin", "amd64"), (1, 27), "macosx_13_0_x86_64"),
    ],
)
def test_platforms_have_their_tags(target: tuple[str, str], version: tuple[int, int], platform: str) -> None:
    assert hatch_build.wheel_platform(target, version) == platform


def test_folders_that_cannot_be_made_are_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert not hatch_build.writable(str(tmp_path / "file" / "below"))
    assert hatch_build.writable(str(tmp_path / "new"))
    assert os.access(tmp_path / "new", os.W_OK)
