"""Whatever is killed during a start: the next to come has a server, with all that was committed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import chaisql

TURNS = 36
DEATHS = Path(__file__).with_name("deaths.py")
RACERS = Path(__file__).with_name("racers.py")


def test_a_start_can_be_killed_at_any_moment(directory: Path) -> None:
    done = subprocess.run(
        [sys.executable, DEATHS, directory, str(TURNS), chaisql.find_server()],
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert (done.returncode, done.stderr) == (0, "")
    turns = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(turns) == TURNS
    assert all(turn["kept"] for turn in turns), turns


@pytest.mark.parametrize("attempt", range(5))
def test_twenty_racing_processes_survive_a_server_that_is_killed(directory: Path, attempt: int) -> None:
    done = subprocess.run(
        [sys.executable, RACERS, directory, "20", "3"],
        check=True,
        capture_output=True,
        text=True,
        timeout=110,
    )
    met = json.loads(done.stdout)
    assert not done.stderr
    assert len(met) == 20
    assert 0 not in met
    with chaisql.connect(directory, idle_exit=1) as first, chaisql.connect(directory) as second:
        assert first.info.backend_pid != second.info.backend_pid  # of one server, which numbers its clients
