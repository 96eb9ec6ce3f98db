"""Counts visits, for tests that run it under real servers.

The store is used before any worker is forked, as a preloading server may do.
"""

import os
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from wsgi_chaisession import ChaiStore, SessionMiddleware

store = ChaiStore(os.environ["COUNTER_STORE"], timeout=20)
store.create_schema()


def visit(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/plain":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"no session was touched"]
    session = environ["chaisession.session"]
    session["visits"] = session.get("visits", 0) + 1
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{session['visits']} {os.getpid()}".encode()]


application = SessionMiddleware(visit, store, store_timeout=float(os.environ["COUNTER_TIMEOUT"]))
