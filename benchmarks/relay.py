"""Counts the bytes that a client and a server exchange, so that an echo of just as many can be measured."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

TIMEOUT = 10.0  # seconds for the client to come, and to be taken leave of


class Counts:
    """Bytes that went by since `reset`."""

    def __init__(self) -> None:
        self.requests = 0
        self.replies = 0

    def reset(self) -> None:
        self.requests = self.replies = 0


@contextlib.contextmanager
def relay(place: Path, server: Path) -> Iterator[Counts]:
    """Pass one client of the socket *place* on to the socket *server*."""
    counts = Counts()
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as behind:
        listener.bind(str(place))
        listener.listen(1)
        listener.settimeout(TIMEOUT)
        behind.connect(str(server))
        thread = threading.Thread(target=_serve, args=(listener, behind, counts), daemon=True)
        thread.start()
        yield counts
        thread.join(timeout=TIMEOUT)  # the client has left by now


def _serve(listener: socket.socket, behind: socket.socket, counts: Counts) -> None:
    client, _ = listener.accept()
    with client, selectors.DefaultSelector() as ready:
        ready.register(client, selectors.EVENT_READ, behind)
        ready.register(behind, selectors.EVENT_READ, client)
        while True:
            for key, _ in ready.select():
                source, target = key.fileobj, key.data
                if not isinstance(source, socket.socket) or not (content := source.recv(1 << 16)):
                    return
                # before it is passed on: whoever has the reply may look at the counts
                if source is client:
                    counts.requests += len(content)
                else:
                    counts.replies += len(content)
                target.sendall(content)
