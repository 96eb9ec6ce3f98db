"""The benchmarks run: one short round each, with chaisqld alone where nothing else is installed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("name", "options"), [("group_commit", ["--clients", "1"]), ("find", [])])
def test_a_quick_round_measures_chaisqld(name: str, options: list[str], tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("the load program is compiled with the go command on PATH")
    report = tmp_path / "report.json"
    ended = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--quick", *options, "--json", str(report)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "chaisqld" in ended.stdout
    assert json.loads(report.read_text(encoding="utf-8"))["ratios"]


def test_a_quick_round_measures_what_a_session_costs(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "benchmarks.request_cost", "--quick", "--folder", str(tmp_path)]
    ended = subprocess.run(
        [*command, "--json", str(report)], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    added = json.loads(report.read_text(encoding="utf-8"))["differences"]
    assert {"untouched session - bare app", "session read - bare app and a find"} <= added.keys()


def test_codecs_are_measured() -> None:
    command = [sys.executable, "-m", "benchmarks.codec", "--rounds", "1"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("MsgpackCodec") == 4
