"""Open a psycopg connection without stopping the greenlets of a preloading server.

psycopg takes its selector from the standard library when it is imported. A server that imports the
application first and lets gevent patch the library later, in each worker, leaves psycopg with one that
blocks the whole process until the database has answered.
"""

import selectors
from typing import Any

import psycopg
from psycopg import waiting


def open_connection(conninfo: str = "", **options: Any) -> psycopg.Connection[Any]:
    """What `psycopg.connect` does, waiting as the standard library waits now."""
    waiting.__dict__["DefaultSelector"] = selectors.DefaultSelector
    return psycopg.connect(conninfo, **options)
