"""What of this process's environment is not meant for Chai, and so is kept from libpq and from servers."""

import os

import psycopg

_HARMLESS = {"PGAPPNAME"}
# Where libpq has no default of its own and would not take an empty text.
_NEUTRAL = {"sslcertmode": "disable", "min_protocol_version": "3.0", "max_protocol_version": "3.0"}
# What a service manager tells a process about itself. A server that heard it would speak for that process.
_SERVICE_MANAGERS = {
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
}


def of_servers() -> dict[str, str]:
    """The environment of a server that this process starts."""
    return {name: value for name, value in os.environ.items() if name not in _SERVICE_MANAGERS}


def connection_defaults() -> dict[str, str]:
    """libpq's own defaults for whatever `PG…` variables would change: they are meant for other servers.

    Not `PGTZ`, `PGDATESTYLE` and `PGGEQO`, which libpq sends whatever it is told: the server takes no notice.
    """
    present = {name for name in os.environ if name.startswith("PG")} - _HARMLESS
    service = "PGSERVICE" in present  # a service may set any keyword
    undone = {
        option.keyword.decode(): (option.compiled or b"").decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.keyword not in {b"service", b"servicefile"}
        and option.envvar
        and (service or option.envvar.decode() in present)
    }
    return undone | {keyword: _NEUTRAL[keyword] for keyword in _NEUTRAL.keys() & undone.keys()}
