"""What the processes of a soak share: where the database is, when to stop, and how each reports."""

import os
import random
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier, Event
from pathlib import Path
from typing import TYPE_CHECKING

from wsgi_chaisession import ChaiStore

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

PATIENCE = 120.0  # seconds that the processes have to start, and at the end to check their rows
STORE_TIMEOUT = 20.0  # seconds: longer than a killed server takes to be replaced on a busy machine


@dataclass
class Report:
    """What one process did and what it found wrong."""

    name: str
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def mismatch(self, text: str) -> None:
        """Keep the first few in words and count them all."""
        self.done["mismatches"] += 1
        if len(self.wrong) < 5:
            self.wrong.append(text)


@dataclass
class Site:
    """Handed to every process of the soak."""

    directory: Path
    seed: int
    ready: Barrier  # of all that put load on the database, and who measures the time
    stop: Event
    reports: "Queue[Report]"

    def store(self) -> ChaiStore:
        """Return a store of the calling process."""
        return ChaiStore(self.directory, timeout=STORE_TIMEOUT)

    def random(self, name: str) -> random.Random:
        """Return the source of one process's choices; the seed repeats them, not their timing."""
        return random.Random(f"{self.seed}/{name}")  # noqa: S311 - a load, not a secret

    def pause(self, seconds: float) -> bool:
        """Wait, and tell whether the soak goes on."""
        return not self.stop.wait(seconds)


def resident_bytes(pid: int) -> int:
    """Return the memory that a process holds, or 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def clock() -> float:
    """Return seconds on a clock that only runs forward."""
    return time.monotonic()
