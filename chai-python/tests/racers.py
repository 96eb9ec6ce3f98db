"""Fork many processes that connect at the same moment; print what became of each.

Run by the tests as `python racers.py DIRECTORY COUNT [KILLS]`, in a process of its own that has no threads.
With KILLS, the server is killed so many times while they connect; each of them tries again until it got an
answer. Prints the server process that each of them met last, 0 for an error.
"""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

import chaisql
from chaisql.address import published_address
from chaisql.probe import peer_pid

PATIENCE = 30.0


def main(directory: str, count: int, kills: int) -> None:
    gate_out, gate_in = os.pipe()
    result_out, result_in = os.pipe()
    children = []
    for _ in range(count):
        if pid := os.fork():
            children.append(pid)
            continue
        os.close(gate_in)
        os.read(gate_out, 1)  # its end opens the gate for all
        os.write(result_in, b"%d\n" % (met_in_the_end if kills else met)(directory))
        os._exit(0)
    os.close(gate_in)
    os.close(result_in)
    killed = 0
    for _ in range(kills):
        killed = kill_server(directory, killed)
    with os.fdopen(result_out) as results:
        sys.stdout.write(json.dumps([int(line) for line in results]))
    for pid in children:
        os.waitpid(pid, 0)


def met(directory: str) -> int:
    try:
        return ask(directory)
    except chaisql.Error as error:
        sys.stderr.write(f"{error}\n")
        return 0


def met_in_the_end(directory: str) -> int:
    """As a client that retries: what it is told meanwhile must be that trying again may help."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            return ask(directory)
        except chaisql.OperationalError as error:
            if getattr(error, "permanent", False):
                sys.stderr.write(f"{error}\n")
                return 0
    sys.stderr.write(f"no answer within {PATIENCE} s\n")
    return 0


def ask(directory: str) -> int:
    with chaisql.connect(directory, idle_exit=5) as connection:
        connection.execute("SELECT 1")
        with socket.socket(fileno=os.dup(connection.fileno())) as sock:
            return peer_pid(sock) or 0


def kill_server(directory: str, killed: int) -> int:
    """Kill the next server that announces itself after the one that was *killed* before."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        pid = published_address(Path(directory)).pid
        if pid and pid != killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return pid
        time.sleep(0.001)  # nothing tells us of the next one
    return 0


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 0)
