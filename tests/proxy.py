"""A stand-in for the network: it loses answers, changes them, or hands them on in parts."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote


class Proxy:
    """A socket in *folder* whose connections lead to the one at *target*.

    `lose` is how many answers are yet to be lost, each with its connection, after the next `passes` answers;
    `change` makes of the others what the client gets, in so many `parts`.
    """

    def __init__(self, target: Path, folder: Path) -> None:
        self.dsn = (
            f"postgresql://chai@/chai?host={quote(str(folder), safe='')}&sslmode=disable&gssencmode=disable"
        )
        self.lose = 0
        self.passes = 0
        self.change: Callable[[bytes], bytes] = bytes
        self.parts = 1
        self._target = str(target)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        """End its connections and wait for its threads."""
        for sock in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for sock in (self._listener, *self._sockets):
            sock.close()

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                server = socket.socket(socket.AF_UNIX)
                self._sockets += [client, server]
                server.connect(self._target)
                self._start(self._pass_on, client, server, lambda data: [data])
                self._start(self._pass_on, server, client, self._answer)

    def _pass_on(
        self, source: socket.socket, sink: socket.socket, parts: Callable[[bytes], list[bytes]]
    ) -> None:
        with contextlib.suppress(OSError):  # one side has gone
            while data := source.recv(65536):
                for part in parts(data):
                    sink.sendall(part)
                    time.sleep(0.02 if self.parts > 1 else 0)
        for sock in (source, sink):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def _answer(self, data: bytes) -> list[bytes]:
        if self.lose and self.passes:
            self.passes -= 1
        elif self.lose:
            self.lose -= 1
            raise ConnectionResetError
        answer = self.change(data)
        step = -(-len(answer) // self.parts) or 1
        return [answer[start : start + step] for start in range(0, len(answer), step)]
