"""The front door: a target in, a psycopg connection out."""

import os
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from chaisql.dial import Connection, libpq_seconds
from chaisql.directory import resolve
from chaisql.discovery import connect_memory, find_or_start
from chaisql.launch import check_seconds
from chaisql.opening import open_connection
from chaisql.target import TargetKind, target_kind


def connect(
    target: str | os.PathLike[str],
    *,
    start_timeout: float = 30.0,
    idle_exit: float | None = 60.0,
    **options: Any,
) -> Connection:
    """Connect to a Chai database.

    :param target: the directory that holds the database: its server is found, or started where none runs,
        and a new database is made where nothing was. `":memory:"`: a database and a server of this
        connection alone. A `postgresql://` URL: whoever serves there; nothing is started.
    :param start_timeout: seconds until the server must have answered; a `connect_timeout`, in the URL or
        among the options, goes before.
    :param idle_exit: a server that this call starts ends itself after so many seconds without connections;
        None keeps it.
    :param options: what `psycopg.connect` takes, such as `autocommit` or `row_factory`.
    """
    check_seconds("start_timeout", start_timeout)
    check_seconds("idle_exit", idle_exit)
    kind, place = target_kind(target), os.fspath(target)
    if kind is TargetKind.URL:
        return _connect_url(place, start_timeout=start_timeout, options=options)
    if kind is TargetKind.MEMORY:
        return connect_memory(start_timeout=start_timeout, options=options)
    return find_or_start(resolve(place), start_timeout=start_timeout, idle_exit=idle_exit, options=options)


def _connect_url(url: str, *, start_timeout: float, options: dict[str, Any]) -> Connection:
    if "connect_timeout" not in conninfo_to_dict(url):
        options = {"connect_timeout": libpq_seconds(start_timeout), **options}
    return open_connection(url, **options)
