"""Open a psycopg connection to a server at a known address."""

import math
import re
from typing import Any, TypeAlias

import psycopg

from chaisql.address import PORT, Address
from chaisql.environment import connection_defaults
from chaisql.errors import AccessError, ServerError
from chaisql.opening import open_connection
from chaisql.probe import Presence, ask
from chaisql.version import VERSION

Connection: TypeAlias = psycopg.Connection[Any]
NAME = "chai"


def dial(address: Address, *, timeout: float, options: dict[str, Any]) -> Connection | None:
    """A connection, or None when no server is there or it is just leaving.

    :param timeout: seconds for the attempt.
    :param options: what the caller wants psycopg to do.
    """
    arguments = _arguments(address, timeout, options)
    try:
        connection = open_connection(**arguments)
    except psycopg.errors.ConnectionTimeout:
        raise
    except psycopg.OperationalError:
        presence = _look(address)
        if presence in {Presence.ABSENT, Presence.LEAVING}:
            return None
        if presence is not Presence.SERVING:
            raise
        connection = open_connection(**arguments)  # who answers now may have followed the one that failed us
    return _same_version(connection, address)


def parameters(address: Address) -> dict[str, Any]:
    """The address in libpq's keywords."""
    return {
        "host": str(address.socket_dir),
        "port": PORT,
        "user": NAME,
        "dbname": NAME,
        "sslmode": "disable",
        "gssencmode": "disable",
    }


def _arguments(address: Address, timeout: float, options: dict[str, Any]) -> dict[str, Any]:
    """What psycopg.connect is given: the caller cannot choose the address, and the environment nothing."""
    where = parameters(address)
    if chosen := where.keys() & options.keys():
        raise ValueError(f"{', '.join(sorted(chosen))}: chosen by the database directory, not by options")
    return {**connection_defaults(), "connect_timeout": libpq_seconds(timeout), **options, **where}


def libpq_seconds(timeout: float) -> int:
    """A timeout as libpq takes it: in whole seconds, and two at least."""
    return max(2, math.ceil(timeout))


def _look(address: Address) -> Presence:
    try:
        return ask(address).presence
    except PermissionError as error:
        raise AccessError(
            f"the server at {address.socket} belongs to another user",
            path=str(address.socket_dir),
            permanent=True,
        ) from error


def _same_version(connection: Connection, address: Address) -> Connection:
    """*connection*, if this package understands its server: they agree in the first two numbers."""
    said = connection.info.parameter_status("server_version") or ""
    found = re.search(r"\(chaisqld (\d+)\.(\d+)[^)]*\)", said)
    theirs = (int(found[1]), int(found[2])) if found else None
    major, minor = VERSION.split(".")[:2]
    ours = (int(major), int(minor))
    if theirs == ours:
        return connection
    connection.close()
    raise ServerError(
        f"the server at {address.socket} is {said or 'of no version'} but chai-python is {VERSION}: "
        + _remedy(theirs, ours),
        path=str(address.socket_dir),
        permanent=True,
    )


def _remedy(theirs: tuple[int, int] | None, ours: tuple[int, int]) -> str:
    if theirs is None:
        return "it is no chaisqld; another program uses the socket"
    stop = "let its users finish and stop it with `python -m chaisql stop`"
    if theirs > ours:
        return f"upgrade chai-python here, or {stop}"
    return f"{stop}; the next connection then starts a new one"
