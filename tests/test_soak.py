"""The soak itself works: a few seconds of it, with the server killed, find nothing wrong."""

import json
import subprocess
import sys
from pathlib import Path


def test_a_short_soak_is_right_and_has_seen_everything(tmp_path: Path) -> None:
    report = tmp_path / "soak.json"
    command = [
        sys.executable,
        "-m",
        "benchmarks.soak",
        "--minutes",
        "0.07",
        "--workers",
        "1",
        "--kill-every",
        "2",
    ]
    ended = subprocess.run(
        [*command, "--folder", str(tmp_path), "--json", str(report)],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    result = json.loads(report.read_text(encoding="utf-8"))
    assert result["right"]
    assert not result["wrong"]
    assert not result["idle"]
    assert result["kills"] >= 1
    assert {"calls", "looks", "transactions"} <= result["totals"].keys()
    assert any("sessions" in line and line.endswith("ok") for line in result["check"]["said"])
