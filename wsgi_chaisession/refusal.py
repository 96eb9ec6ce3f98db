"""Refusal: what a client is told when its session cannot be loaded or stored."""

import logging
from collections.abc import Callable, Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

from .errors import SessionConflict, StoreError
from .exchange import HANDED_OUT
from .headers import Headers, keep_from_caches, vary_on
from .response import ExcInfo

logger = logging.getLogger(__name__)

ErrorHandler = Callable[[WSGIEnvironment, StartResponse, StoreError | SessionConflict], Iterable[bytes]]

RETRY_AFTER = 5  # seconds: longer than a database restart takes


def beginning(environ: WSGIEnvironment, start_response: StartResponse, *, vary: str) -> StartResponse:
    """The start_response of an error handler: adds what the client has to be told all the same.

    Middlewares within this one may have stored their sessions already; without its new token
    their client would lose what they stored.
    """

    def start(status: str, headers: Headers, exc_info: ExcInfo | None = None, /) -> Callable[[bytes], object]:
        headers = list(headers)
        for header in environ.get(HANDED_OUT, ()):
            headers.append(header)
            keep_from_caches(headers, header[0])
        vary_on(headers, vary)
        return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

    return start


def service_unavailable(
    environ: WSGIEnvironment, start_response: StartResponse, error: StoreError | SessionConflict
) -> Iterable[bytes]:
    """The default error handler: 503 with Retry-After, the reason in the log."""
    logger.error("%s %s: %s", environ.get("REQUEST_METHOD"), _path(environ), error)
    body = b"Sessions are unavailable for the moment. Please try again.\n"
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Retry-After", str(RETRY_AFTER)),
        ("Cache-Control", "no-store"),
    ]
    start_response("503 Service Unavailable", headers)
    return [b"" if environ.get("REQUEST_METHOD") == "HEAD" else body]


def _path(environ: WSGIEnvironment) -> str:
    return repr(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
