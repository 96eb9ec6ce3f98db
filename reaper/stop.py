"""A stop request that a signal handler may set."""

import queue
import time
from typing import Protocol

# Seconds without a look at the signals. One that comes just before a wait begins does not interrupt it, and
# Python calls its handler only after the wait.
SLICE = 1.0


class StopRequest(Protocol):
    """What the loop needs of a stop request; ``threading.Event`` fits too."""

    def set(self) -> None: ...
    def is_set(self) -> bool: ...
    def wait(self, timeout: float) -> object: ...


class Stop:
    """A stop request that can be set from a signal handler and from other threads.

    ``threading.Event.set`` takes a lock that is not reentrant: called from a signal handler while the same
    thread is inside ``wait`` it can block for ever. ``SimpleQueue.put`` is made for that situation.
    """

    def __init__(self) -> None:
        self._set = False
        self._wake: queue.SimpleQueue[None] = queue.SimpleQueue()

    def set(self) -> None:
        """Ask for the stop; it stays asked for."""
        self._set = True
        self._wake.put(None)

    def is_set(self) -> bool:
        """Say whether the stop was asked for."""
        return self._set

    def wait(self, timeout: float) -> bool:
        """Wait until the stop is asked for or `wake` ends the wait, at most ``timeout`` seconds."""
        until = time.monotonic() + timeout
        while not self._set:
            left = until - time.monotonic()
            try:
                self._wake.get(timeout=min(max(left, 0.0), SLICE))
            except queue.Empty:
                if left > SLICE:
                    continue
                return self._set
            if self.is_set():
                self._wake.put(None)  # for whoever else waits
            break
        return self.is_set()

    def wake(self) -> None:
        """End one wait early without asking for the stop; for signal handlers too."""
        self._wake.put(None)
