"""Traffic in a process of its own: finds and saves of live sessions at a steady rate."""

import multiprocessing
import random
import time
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from typing import Self

from benchmarks.filling import DATA_BYTES
from wsgi_chaisession import ChaiStore
from wsgi_chaisession.tokens import generate, hash_token

LIVE_KEYS = 500  # sessions that are used
TIMEOUT = 60.0  # seconds of one call; of starting and ending too


class Foreground:
    """Traffic that can be begun and ended; between them, every call's time is written down."""

    def __init__(self, url: str, *, rate: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, far = context.Pipe()
        self._process = context.Process(target=_serve, args=(url, rate, far), daemon=True)

    def __enter__(self) -> Self:
        self._process.start()
        self._answer()  # it has its sessions
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.close()
        self._process.join(TIMEOUT)

    def begin(self) -> None:
        self._pipe.send("begin")

    def end(self) -> list[float]:
        """Return the milliseconds of every call since the beginning, waiting for its turn included."""
        self._pipe.send("end")
        times = self._answer()
        if not isinstance(times, list):
            raise RuntimeError(f"the foreground failed: {times}")  # noqa: TRY004 - what it answered is why
        return times

    def _answer(self) -> object:
        if not self._pipe.poll(TIMEOUT):
            raise RuntimeError("the foreground does not answer")
        return self._pipe.recv()


def _serve(url: str, rate: int, pipe: Connection) -> None:
    traffic = _Traffic(ChaiStore(url, timeout=TIMEOUT), rate=rate)
    pipe.send("ready")
    while True:
        try:
            pipe.recv()
        except EOFError:
            return
        try:
            pipe.send(traffic.until(pipe))
        except Exception as error:  # noqa: BLE001 - told on the other side
            pipe.send(repr(error))
            return


class _Traffic:
    def __init__(self, store: ChaiStore, *, rate: int) -> None:
        self._store = store
        self._rate = rate
        self._random = random.Random(6)  # noqa: S311 - which session is next is no secret
        self._until = datetime.now(UTC) + timedelta(hours=1)
        self._known: dict[str, bytes] = {}
        for _ in range(LIVE_KEYS):
            key, data = hash_token(generate()), self._random.randbytes(DATA_BYTES)
            store.insert(key, data, self._until)
            self._known[key] = data

    def until(self, told: Connection) -> list[float]:
        """Call at the rate until something is told; return the milliseconds."""
        times: list[float] = []
        began = due = time.monotonic()
        while not told.poll(max(0.0, due - time.monotonic())):
            self._call(save=len(times) % 4 == 3)
            times.append((time.monotonic() - due) * 1000)
            due = began + len(times) / self._rate
        told.recv()
        return times

    def _call(self, *, save: bool) -> None:
        key = self._random.choice(list(self._known))
        if not save:
            self._right(self._store.find(key) is not None)
            return
        data = self._random.randbytes(DATA_BYTES)
        self._right(self._store.replace(key, self._known[key], data, self._until))
        self._known[key] = data

    @staticmethod
    def _right(answer: object) -> None:
        if not answer:
            raise RuntimeError("a live session was not found: the reaper took what was not its own")
