"""Exchange: one request and its response, as far as they concern the session.

The session is committed when the headers are about to leave, because only then is known what
they must say: a token that is new, has another expiry, or is to be forgotten.
"""

import logging
from datetime import datetime
from wsgiref.types import StartResponse, WSGIEnvironment

from .clash import NameClash
from .cookie import Header, Transport
from .draft import Draft, Stored
from .errors import CodecError, SessionConflict, StoreError
from .headers import Headers, keep_from_caches, vary_on
from .response import Response
from .tokens import label
from .visit import HEADERS_LEFT, Visit

logger = logging.getLogger(__name__)

# Where a middleware around this one finds the headers that clients must get although its own session cannot
# be stored: what they tell has been done.
HANDED_OUT = "chaisession.handed_out"


class Exchange(Response):
    """A response whose headers tell the client of its session."""

    __slots__ = ("_clash", "_environ", "_transport", "_visit")

    def __init__(
        self,
        visit: Visit,
        transport: Transport,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        *,
        clash: NameClash,
    ) -> None:
        Response.__init__(self, start_response)  # super() would be a tenth of what an untouched request costs
        self._clash = clash
        self._visit = visit
        self._transport = transport
        self._environ = environ

    def finish(self, status: str, headers: Headers) -> Headers:
        """The application's headers and ours; the session is committed on the way."""
        visit = self._visit
        if visit.failure is not None and str(status).startswith("500"):
            raise visit.failure  # what a framework makes of an error that nobody has handled
        if visit.draft is not None:
            self._clash.look(headers)
            visit.commit()
            headers = list(headers)
            self._tell(visit.draft, headers)
        elif visit.failure is not None:
            headers = list(headers)
            vary_on(headers, self._transport.vary)
        elif self._clash.unused_left > 0:
            self._clash.look_unused(headers)
        visit.sealed = HEADERS_LEFT
        return headers

    def closed(self) -> None:
        """Keep what a streaming body changed; the response can no longer say that it failed."""
        draft = self._visit.draft
        if draft is None or draft.stored is None:
            return
        key = draft.stored.key
        try:
            self._visit.commit()
        except (StoreError, SessionConflict, CodecError):
            self._visit.keeper.counters["store_error"] += 1
            logger.exception("session %s: changes made after the headers left are lost", label(key))

    def _tell(self, draft: Draft, headers: Headers) -> None:
        header = self._token_header(draft)
        if header is not None:
            headers.append(header)
            keep_from_caches(headers, header[0])
            self._environ.setdefault(HANDED_OUT, []).append(header)
        vary_on(headers, self._transport.vary)

    def _token_header(self, draft: Draft) -> Header | None:
        """A header only when the client's token, its expiry or its kind must change."""
        origin, stored = draft.origin, draft.stored
        if stored is origin and stored is not None:
            return None
        transport, environ = self._transport, self._environ
        if stored is None or stored.token is None:
            return transport.withdraw(environ) if self._ended(draft) and transport.usable(environ) else None
        if not transport.usable(environ):
            return None
        expires = self._expires(stored)
        if origin is not None and (origin.token, self._expires(origin)) == (stored.token, expires):
            return None
        return transport.issue(environ, stored.token, expires, self._visit.keeper.now())

    def _ended(self, draft: Draft) -> bool:
        """Whether this request has ended the session of the client's token. One that others ended may
        have been renewed: its client may hold a newer token by now."""
        return draft.origin is not None or (self._visit.destroyed and bool(self._visit.client_tokens()))

    def _expires(self, row: Stored) -> datetime | None:
        return row.expiry if self._transport.persist or row.remember else None
