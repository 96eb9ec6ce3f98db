"""Ask a socket who is there, without the driver.

libpq reports a failed connection as text alone. Whether a server is absent, on its way out or unwilling
decides what to do next, so it is asked again in its own protocol, down to the first answer.
"""

import enum
import socket
import struct
import sys
from dataclasses import dataclass

from chaisql.address import Address, fits_socket

CANNOT_CONNECT_NOW = "57P03"
ADMIN_SHUTDOWN = "57P01"
_PARAMETERS = b"user\0chai\0database\0chai\0application_name\0chaisql probe\0\0"
# Protocol 3.0; both lengths count themselves.
STARTUP = struct.pack("!ii", 8 + len(_PARAMETERS), 3 << 16) + _PARAMETERS
TERMINATE = b"X" + struct.pack("!i", 4)
_MESSAGE_BYTES = 64 * 1024


class Presence(enum.Enum):
    ABSENT = "nobody listens"
    LEAVING = "the server is shutting down"
    SERVING = "the server answers"
    REFUSING = "the server refuses"
    SILENT = "something listens but does not answer"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the socket said; *pid* is the listener's process as the kernel knows it."""

    presence: Presence
    pid: int | None = None
    sqlstate: str = ""
    message: str = ""


def ask(address: Address, *, timeout: float = 2.0) -> Answer:
    """Who listens at *address*; takes *timeout* seconds at most for each step."""
    if not fits_socket(address.socket_dir):  # nobody can
        return Answer(presence=Presence.ABSENT)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout)
        try:
            sock.connect(address.socket)
        except (FileNotFoundError, NotADirectoryError, ConnectionRefusedError):
            return Answer(presence=Presence.ABSENT)
        except (BlockingIOError, TimeoutError):
            return Answer(presence=Presence.SILENT)
        return _converse(sock, peer_pid(sock))


def _converse(sock: socket.socket, pid: int | None) -> Answer:
    try:
        sock.sendall(STARTUP)
        kind, body = _read_message(sock)
        if kind == b"R":
            sock.sendall(TERMINATE)
    except TimeoutError:
        return Answer(presence=Presence.SILENT, pid=pid)
    except OSError:  # reset or broken pipe: it left while we talked
        kind, body = b"", b""
    return _judge(kind, body, pid)


def _judge(kind: bytes, body: bytes, pid: int | None) -> Answer:
    if not kind:
        return Answer(presence=Presence.LEAVING, pid=pid)
    if kind != b"E":
        return Answer(presence=Presence.SERVING, pid=pid)
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    sqlstate, message = fields.get(b"C", ""), fields.get(b"M", "")
    leaving = sqlstate in {CANNOT_CONNECT_NOW, ADMIN_SHUTDOWN}
    presence = Presence.LEAVING if leaving else Presence.REFUSING
    return Answer(presence=presence, pid=pid, sqlstate=sqlstate, message=message)


def _read_message(sock: socket.socket) -> tuple[bytes, bytes]:
    """The first message: its kind and body; two empty strings when the connection ends before it."""
    header = _read(sock, 5)
    if len(header) < 5:
        return b"", b""
    kind, length = struct.unpack("!ci", header)
    return kind, _read(sock, min(max(length - 4, 0), _MESSAGE_BYTES))


def _read(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return data


def peer_pid(sock: socket.socket) -> int | None:
    """The process that called listen() at the other end; None where the kernel does not tell."""
    try:
        if sys.platform == "linux":
            raw = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        else:
            raw = sock.getsockopt(0, 2, 4)  # SOL_LOCAL, LOCAL_PEERPID of macOS
    except OSError:
        return None
    pid = int.from_bytes(raw[:4], sys.byteorder)
    return pid or None
