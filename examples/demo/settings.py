"""What the demonstration's processes have to agree on; lifetimes are short so that one can watch them end."""

import os
from datetime import timedelta
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

HOST = "127.0.0.1"
WORKERS = 2
# Of each worker: a browser opens connections that it may not use, and a thread waits for each of them.
THREADS = 8

LIFETIME = timedelta(minutes=10)
IDLE_TIMEOUT = timedelta(seconds=60)
GUESTS = 50
GUEST_LIFETIME = timedelta(seconds=10)
REAPER_INTERVAL = "5s"


def port() -> int:
    """Return the port to listen on: PORT, else 8000."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(f"PORT is {text!r}: it must be a number from 1 to 65535")
    return int(text)


def directory() -> Path:
    """Return the database's directory: DEMO_DIR, else demo_db beside the examples."""
    return Path(os.environ.get("DEMO_DIR") or ROOT / "demo_db").absolute()
