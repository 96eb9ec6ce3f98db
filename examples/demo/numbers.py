"""The numbers of the demonstration's page that are not about one browser."""

from pathlib import Path
from typing import Any

from chaisql.address import published_address
from wsgi_chaisession import ChaiStore


def numbers(store: ChaiStore, directory: Path) -> dict[str, Any]:
    """Return session counts, the reaper's record and chaisqld's process id."""
    reaper = store.reaper_status()
    return {
        "active": store.count(),
        "waiting": store.count_expired(),
        "deleted": reaper.deleted if reaper else 0,
        "runs": reaper.runs if reaper else 0,
        "reaped_ago": round(reaper.age) if reaper else None,
        "lag": round(store.reaper_lag()),
        "server_pid": published_address(directory).pid,
    }
