"""Tell a supervisor such as systemd how the reaper is: READY, STATUS, WATCHDOG, RELOADING, STOPPING.

The protocol is sd_notify(3): one datagram of ``NAME=value`` lines to the socket in ``NOTIFY_SOCKET``. The
library found alive for it measures the watchdog with the wall clock, has no STOPPING and raises when the
supervisor's socket is gone; the few lines here need no dependency and never fail.
"""

import os
import socket
import time
from collections.abc import Mapping


class Supervisor:
    """Reports to the service manager; does nothing when there is none."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        # "@" stands for the abstract namespace; other schemes (vsock) are not for a process on this host.
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog = _watchdog_seconds(environ)

    def ready(self, status: str) -> None:
        """Say that the service is up."""
        self._send("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Say that new settings are being read; ``ready`` must follow."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=reading the settings again")

    def status(self, status: str) -> None:
        """Replace the line that ``systemctl status`` shows; a sign of life as well."""
        self._send(f"STATUS={status}", *self._alive())

    def heartbeat(self) -> None:
        """Give a sign of life when a watchdog watches."""
        self._send(*self._alive())

    def stopping(self) -> None:
        """Say that the service is on its way out."""
        self._send("STOPPING=1", "STATUS=stopping")

    def _alive(self) -> tuple[str, ...]:
        return ("WATCHDOG=1",) if self.watchdog else ()

    def _send(self, *lines: str) -> None:
        if not self._address.startswith(("/", "\0")) or not lines:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
                notify.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self._address)
        except OSError:
            pass  # a supervisor that is gone or busy must not stop the work


def _watchdog_seconds(environ: Mapping[str, str]) -> float | None:
    """Read how long the supervisor waits for a sign of life, if it watches this process."""
    microseconds = environ.get("WATCHDOG_USEC", "")
    pid = environ.get("WATCHDOG_PID", "")
    if not microseconds.isdecimal() or int(microseconds) == 0 or pid not in ("", str(os.getpid())):
        return None
    return int(microseconds) / 1_000_000
