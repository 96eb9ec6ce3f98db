"""The reaper's benchmark measures what it says; its figures are nobody's business here."""

import csv
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_a_quick_run_deletes_everything_expired_and_writes_every_batch_down(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.reaper", "--quick", "--csv", str(tmp_path / "batches.csv")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert (result["rows"], result["expired"], result["deleted"]) == (2_000, 1_000, 1_000)
    assert result["foreground_calls"] > 20
    assert 0 < result["batch_median"] <= result["batch_p99"]
    with (tmp_path / "batches.csv").open() as file:
        batches = list(csv.DictReader(file))
    assert len(batches) == result["batches"]
    assert sum(int(batch["rows"]) for batch in batches) == 1_000
