"""What falls to the reaper where it is the first process of a container: those who ended without a parent.

A server that the store started on demand outlives whoever started it, and belongs to process 1 then. Nobody
else takes in how it ended, so that each would stay in the table of processes, one for every run.
"""

import contextlib
import os


def collect() -> None:
    """Take in how orphans ended; does nothing in any other process than the first."""
    if os.getpid() != 1:
        return
    with contextlib.suppress(ChildProcessError):  # there are none
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
