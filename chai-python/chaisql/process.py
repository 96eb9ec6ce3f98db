"""End a process that is no child of ours, and know when it has gone."""

import os
import selectors
import signal
import sys
import time
from pathlib import Path

POLL_SECONDS = 0.05
_HAS_DESCRIPTORS = sys.platform == "linux"


def described(pid: int) -> str:
    """The process for a message: its number, and its name where /proc tells."""
    try:
        name = Path(f"/proc/{pid}/comm").read_text(errors="replace").strip()
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({name})" if name.isprintable() else f"process {pid}"


def end(pid: int, *, timeout: float) -> bool:
    """Send SIGTERM and wait; whether the process was gone within *timeout* seconds."""
    try:
        return (_end_by_descriptor if _HAS_DESCRIPTORS else _end_by_polling)(pid, timeout)
    except ProcessLookupError:
        return True


def _end_by_descriptor(pid: int, timeout: float) -> bool:
    """The descriptor means this very process, even if its number is given to another one meanwhile."""
    descriptor = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            return bool(selector.select(timeout))
    finally:
        os.close(descriptor)


def _end_by_polling(pid: int, timeout: float) -> bool:
    deadline = time.monotonic() + timeout
    os.kill(pid, signal.SIGTERM)
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        os.kill(pid, 0)
    return False
