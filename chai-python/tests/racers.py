"""Fork many processes that connect at the same moment; print the server process that each of them met.

Run by the tests as `python racers.py DIRECTORY COUNT`, in a process of its own that has no threads.
"""

import json
import os
import socket
import sys

import chaisql


def main(directory: str, count: int) -> None:
    gate_out, gate_in = os.pipe()
    result_out, result_in = os.pipe()
    children = []
    for _ in range(count):
        if pid := os.fork():
            children.append(pid)
            continue
        os.close(gate_in)
        os.read(gate_out, 1)  # its end opens the gate for all
        os.write(result_in, b"%d\n" % met(directory))
        os._exit(0)
    os.close(gate_in)
    os.close(result_in)
    with os.fdopen(result_out) as results:
        sys.stdout.write(json.dumps([int(line) for line in results]))
    for pid in children:
        os.waitpid(pid, 0)


def met(directory: str) -> int:
    try:
        connection = chaisql.connect(directory, idle_exit=5)
    except chaisql.Error as error:
        sys.stderr.write(f"{error}\n")
        return 0
    with connection, socket.socket(fileno=os.dup(connection.fileno())) as sock:
        raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(raw[:4], sys.byteorder)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
