"""The reaper: a process that deletes expired sessions in small batches.

It is a process and not a thread of the web workers because cleaning up must neither slow a request down
nor depend on requests arriving, and because N workers would do it N times.
"""

from reaper.loop import Reaper, Run

__all__ = ["Reaper", "Run"]
