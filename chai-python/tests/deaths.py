"""Kill a start at many moments: the server, or the process that starts it, or both.

Run by the tests as `python deaths.py DIRECTORY TURNS SERVER`, in a process of its own that has no threads.
Each turn forks a child that connects, kills something a little later than the turn before, and then connects
itself. Prints a line of JSON for each turn.
"""

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import chaisql

VICTIMS = ("server", "starter", "both")
# Longer than a start takes on a busy machine: the last moments come after it.
LAST_MOMENT = 0.3


def main(directory: Path, turns: int, server: str) -> None:
    note = directory.parent / "server.pid"
    wrapper = directory.parent / "wrapper.sh"
    wrapper.write_text(
        f'#!/bin/sh\necho $$ >"{note}.new" && mv "{note}.new" "{note}"\nexec "{server}" "$@"\n'
    )
    wrapper.chmod(0o700)
    os.environ["CHAISQL_SERVER"] = str(wrapper)
    with chaisql.connect(directory, autocommit=True) as connection:
        connection.execute("CREATE TABLE turns (id BIGINT PRIMARY KEY)")
    for turn in range(turns):
        end_server(note)
        victim = VICTIMS[turn % len(VICTIMS)]
        kill_a_start(directory, note, victim, LAST_MOMENT * (turn / turns) ** 2)
        with chaisql.connect(directory, autocommit=True, start_timeout=20) as connection:
            connection.execute("INSERT INTO turns VALUES (%s)", (turn,))
            (count,) = connection.execute("SELECT count(*) FROM turns").fetchone() or (0,)
        sys.stdout.write(json.dumps({"victim": victim, "kept": count == turn + 1}) + "\n")
    end_server(note)


def end_server(note: Path) -> None:
    """Kill the server of the last turn, if it is there, and forget it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(note.read_text()), signal.SIGKILL)
    note.unlink(missing_ok=True)


def kill_a_start(directory: Path, note: Path, victim: str, moment: float) -> None:
    starter = os.fork()
    if not starter:
        with contextlib.suppress(chaisql.Error):
            chaisql.connect(directory, idle_exit=5)
        os._exit(0)
    time.sleep(moment)
    if victim != "server":
        os.kill(starter, signal.SIGKILL)
    if victim != "starter":
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(note.read_text()), signal.SIGKILL)
    os.waitpid(starter, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
