"""Pages for a real browser: a count of visits, a page that frames another one, and what tabs write.

The first part of the path says which kind of cookie keeps the session.
"""

import json
import os
from collections.abc import Iterable
from html import escape
from urllib.parse import parse_qs
from wsgiref.types import StartResponse, WSGIEnvironment
from wsgiref.util import shift_path_info

from wsgi_chaisession import ChaiStore, Cookie, SessionMiddleware

PAGE = "<!doctype html><meta charset=utf-8><title>visits</title>{}"


def pages(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    session = environ["chaisession.session"]
    query = parse_qs(environ["QUERY_STRING"])
    match environ["PATH_INFO"]:
        case "/visit":
            session["visits"] = session.get("visits", 0) + 1
            text = f"<output>{session['visits']}</output>"
        case "/frame":  # touches no session
            text = f'<iframe src="{escape(query["of"][0])}"></iframe>'
        case "/put":
            session[query["key"][0]] = True
            text = "kept"
        case "/keys":
            text = f"<output>{json.dumps(sorted(session))}</output>"
        case _:
            start_response("404 Not Found", [("Content-Type", "text/plain")])
            return [b"no such page"]
    start_response("200 OK", [("Content-Type", "text/html"), ("Cache-Control", "no-store")])
    return [PAGE.format(text).encode()]


store = ChaiStore(os.environ["APP_STORE"], timeout=20)
kinds = {
    kind: SessionMiddleware(pages, store, cookie=cookie, store_timeout=20)
    for kind, cookie in {
        "usual": Cookie(),
        "host": Cookie(name="__Host-session"),
        "unpartitioned": Cookie(name="embedded", samesite="None"),
        "partitioned": Cookie(name="partitioned", samesite="None", partitioned=True),
    }.items()
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return kinds[shift_path_info(environ) or "usual"](environ, start_response)
