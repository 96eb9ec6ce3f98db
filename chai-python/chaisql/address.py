"""Where a directory's server listens.

The socket lies in the database directory. Where that path is too long for a Unix socket, or holds a
character that libpq gives a meaning, it lies in a private folder elsewhere; `chaisqld.json`, which the
server writes into the database directory, tells every client where.
"""

import contextlib
import hashlib
import json
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaisql.errors import AccessError

PORT = 5432
SOCKET = f".s.PGSQL.{PORT}"
STATE_FILE = "chaisqld.json"
# macOS has room for 104 bytes in an address and Linux for 108, the closing zero included.
SOCKET_PATH_BYTES = 103


@dataclass(frozen=True, kw_only=True)
class Address:
    """The folder of a server's socket, and what the server said about itself when it made it."""

    socket_dir: Path
    pid: int | None = None
    version: str | None = None

    @property
    def socket(self) -> str:
        return str(self.socket_dir / SOCKET)


def published_address(directory: Path) -> Address:
    """Where the server of *directory* says that it listens, or would listen if none has said anything."""
    state = _read_state(directory)
    socket_dir = Path(str(state.get("socket_dir") or directory))
    if not socket_dir.is_absolute() or _belongs_to_another(socket_dir, directory):
        return Address(socket_dir=directory)
    return Address(socket_dir=socket_dir, pid=state.get("pid"), version=state.get("version"))


def choose_socket_dir(directory: Path) -> Path:
    """The folder for the socket of a new server of *directory*; made when it is another one."""
    if fits_socket(directory):
        return directory
    folder = private_folder() / hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def fits_socket(folder: Path) -> bool:
    """Whether *folder* can be libpq's `host`: short enough, and with no comma, which would part two hosts."""
    path = os.fsencode(folder / SOCKET)
    return len(path) <= SOCKET_PATH_BYTES and b"," not in path and _is_text(path)


def _is_text(path: bytes) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        return path.decode().isprintable()
    return False


def _read_state(directory: Path) -> dict[str, Any]:
    """The state file's content; nothing when it is missing, half there or something else."""
    try:
        state: Any = json.loads((directory / STATE_FILE).read_bytes())
        return dict(state)
    except (OSError, ValueError, TypeError):
        return {}


def _belongs_to_another(socket_dir: Path, directory: Path) -> bool:
    """Whether the state file is a copy of another live directory's, and so names that one's socket."""
    return socket_dir != directory and (socket_dir / STATE_FILE).exists()


def private_folder() -> Path:
    """A folder for sockets that only this user can enter, with a short path; made when missing."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    for folder in (
        Path(runtime or "/nonexistent") / "chaisql",
        Path(tempfile.gettempdir()) / f"chaisql-{os.getuid()}",
    ):
        # 17 bytes: the slash and 16 characters of the hash
        if fits_socket(folder / ("x" * 16)) and folder.parent.is_dir() and os.access(folder.parent, os.W_OK):
            return _make_private(folder)
    raise AccessError(
        f"no folder for the server's socket: {SOCKET} must fit into {SOCKET_PATH_BYTES} bytes with its path; "
        "use a shorter database path or set TMPDIR to a shorter one",
        path=str(folder),
        permanent=True,
    )


def _make_private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    state = folder.lstat()
    if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid() or state.st_mode & 0o077:
        raise AccessError(
            f"{folder} must be a folder of this user that nobody else can enter: remove it",
            path=str(folder),
            permanent=True,
        )
    return folder
