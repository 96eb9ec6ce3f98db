"""The Makefile remembers what was asked of it, and refuses what makes no sense; nothing is built here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
NOT_OURS = {"MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS", "PYTHON"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout whose .venv is ready, and was made by this Python."""
    if shutil.which("make") is None:
        pytest.skip("there is no make")
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "chai-python/server").mkdir(parents=True)
    for name in ("pyproject.toml", "constraints.txt", "chai-python/chaisql/version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / ".venv").mkdir()
    made_by(tmp_path, this_python())
    (tmp_path / ".venv/.ready").touch()
    return tmp_path


def this_python() -> str:
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def made_by(tree: Path, python: str) -> None:
    (tree / ".venv/pyvenv.cfg").write_text(f"executable = {python}\n")


def make(tree: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
    return subprocess.run(
        ["make", *arguments],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_another_python_makes_the_environment_anew(tree: Path) -> None:
    made_by(tree, "/opt/other/python3")
    told = make(tree, "-n", "venv", f"PYTHON={sys.executable}").stdout
    assert f".venv was made by /opt/other/python3: making it anew with {this_python()}" in told
    assert "rm -rf .venv" in told


def test_the_same_python_keeps_it_and_so_does_none(tree: Path) -> None:
    for arguments in (["venv", f"PYTHON={sys.executable}"], ["venv"]):
        assert make(tree, *arguments).stdout == ".venv is ready\n"


def test_a_python_that_is_not_there_is_told_of_and_nothing_is_removed(tree: Path) -> None:
    done = make(tree, "venv", "PYTHON=/nowhere/python3")
    assert done.returncode != 0
    assert "there is no /nowhere/python3" in done.stderr
    assert (tree / ".venv/.ready").exists()


@pytest.mark.parametrize(
    ("target", "setting"),
    [("soak", "MINUTES=x"), ("soak", "MINUTES="), ("fuzz", "MINUTES=1.5"), ("differential", "SEED=a")],
)
def test_what_is_no_number_is_refused_by_its_name(tree: Path, target: str, setting: str) -> None:
    done = make(tree, target, setting)
    assert done.returncode != 0
    name, _, value = setting.partition("=")
    assert f'{name} must be a number, not "{value}"' in done.stderr
