"""Counts visits, for tests that run it under real servers.

The store is used before any worker is forked, as a preloading server may do.
Each answer names the process that gave it and a database connection there, and those where this was imported.
"""

import os
import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from wsgi_chaisession import ChaiStore, SessionMiddleware

store = ChaiStore(os.environ["APP_STORE"], timeout=20)


def place() -> str:
    """This process, and the server's number for one of its connections."""
    with store._database.pool.connection(time.monotonic() + 20) as connection:
        return f"{os.getpid()}/{connection.info.backend_pid}"


store.create_schema()
IMPORTED = place()


def visit(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/plain":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"no session was touched"]
    if environ["PATH_INFO"] == "/hang-up":
        store.close()
        start_response("204 No Content", [])
        return []
    session = environ["chaisession.session"]
    session["visits"] = session.get("visits", 0) + 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{session['visits']} {place()} {IMPORTED}".encode()]


application = SessionMiddleware(visit, store, store_timeout=float(os.environ["APP_TIMEOUT"]))
