"""The reaper: a process that deletes expired sessions in small batches.

It is a process and not a thread of the web workers because cleaning up must neither slow a request down
nor depend on requests arriving, and because N workers would do it N times.
"""

from reaper.loop import Reaper
from reaper.observers import Observer, Observers
from reaper.outcome import Count, Run
from reaper.pacing import Pace

__all__ = ["Count", "Observer", "Observers", "Pace", "Reaper", "Run"]
