"""SessionMiddleware: load lazily, run the application, commit before the headers.

This is the one junction: only here do transport, session, codec and store meet.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from .clash import NameClash
from .codec import Codec, MsgpackCodec
from .cookie import Cookie, Transport
from .draft import Draft
from .errors import SessionConflict, StoreError
from .exchange import Exchange
from .keeper import Keeper
from .options import check_environ_key, checked_policy, checked_transport
from .refusal import ErrorHandler, beginning, service_unavailable
from .rows import Clock, OnConflict
from .seconds import check_seconds
from .session import Session
from .store import Store
from .visit import NOT_ITS_REQUEST, Visit


@dataclass(frozen=True, slots=True)
class Device:
    """One session on a page where people see where they are logged in."""

    key: str
    """What the store knows the session by. Equal to ``session.key`` in the session that asks."""
    label: str
    """What ``session.label`` was set to."""
    since: datetime
    """The login: when the session's principal was set (aware, UTC)."""
    seen: datetime | None
    """The last use, as its expiry tells: exact to the touch_interval, and at most deadline -
    idle_timeout. None where there is no idle timeout."""
    expires: datetime
    """When the session ends if it is not used again (aware, UTC)."""


class SessionMiddleware:
    """Gives a WSGI application its sessions in ``environ["chaisession.session"]``.

    A request that never touches its session costs no query and gets no cookie. Changes are
    stored before the response headers leave.

    :param app: the application.
    :param store: where sessions are kept, such as ChaiStore("chai_db").
    :param lifetime: how long a session lives at most, however active; up to a hundred years.
    :param idle_timeout: how long it lives without use; None: as long as lifetime.
    :param touch_interval: the least gain for which an unchanged session's expiry is written
        again, so that a session may end that much before its idle timeout is over. Default: a
        tenth of the idle timeout that applies to the session. It must be less than
        idle_timeout; for a session with an idle timeout of its own it is a tenth of that at most.
    :param cookie: name and attributes of the cookie; default: Cookie().
    :param transport: carries the token instead of a cookie, such as TokenHeader().
    :param environ_key: where the session is found; middlewares with different
        keys and cookie names may be nested, a second one with the same key is idle.
    :param codec: values to bytes; default MsgpackCodec().
    :param on_conflict: when another request changed the session meanwhile: "merge"
        key by key, "overwrite" it whole, or "error".
    :param error_handler: called with environ, start_response and the StoreError or
        SessionConflict when a session cannot be loaded or stored; returns the response's
        body. Default: status 503 with Retry-After, logged.
    :param store_timeout: seconds after which a load or a commit is given up. A request in which
        the store did not answer in time does not ask it again.
    :param skip: called with environ; where it returns true, the request gets no session.
    :raises ValueError: an option makes no sense; nothing has been read or written then.
    :raises TypeError: an option is of another type.
    """

    def __init__(  # noqa: PLR0913 - every option of the package is here
        self,
        app: WSGIApplication,
        store: Store,
        *,
        lifetime: timedelta = timedelta(hours=24),
        idle_timeout: timedelta | None = None,
        touch_interval: timedelta | None = None,
        cookie: Cookie | None = None,
        transport: Transport | None = None,
        environ_key: str = "chaisession.session",
        codec: Codec | None = None,
        on_conflict: OnConflict = "merge",
        error_handler: ErrorHandler | None = None,
        store_timeout: float = 2.0,
        skip: Callable[[WSGIEnvironment], bool] | None = None,
    ) -> None:
        check_seconds("store_timeout", store_timeout)
        check_environ_key(environ_key)
        policy = checked_policy(
            lifetime=lifetime,
            idle_timeout=idle_timeout,
            touch_interval=touch_interval,
            on_conflict=on_conflict,
        )
        self._transport = checked_transport(cookie, transport)
        self._clash = NameClash(self._transport)
        self._app = app
        self._keeper = Keeper(store, codec or MsgpackCodec(), policy, store_timeout=store_timeout)
        self._environ_key = environ_key
        self._error_handler = error_handler or service_unavailable
        self._skip = skip

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self._environ_key in environ or (self._skip is not None and self._skip(environ)):
            return self._app(environ, start_response)
        visit = Visit(self._keeper, self._transport, environ)
        environ[self._environ_key] = Session(visit)
        exchange = Exchange(visit, self._transport, environ, start_response, clash=self._clash)
        try:
            return exchange.run(self._app, environ)
        except (StoreError, SessionConflict) as error:
            if exchange.released:
                raise
            self._keeper.counters["store_error"] += 1
            start_refusal = beginning(environ, start_response, vary=self._transport.vary)
            return self._error_handler(environ, start_refusal, error)

    @property
    def clock(self) -> Clock:
        """What the time is (aware, UTC); assign another for tests."""
        return self._keeper.clock

    @clock.setter
    def clock(self, clock: Clock) -> None:
        self._keeper.clock = clock

    @property
    def counters(self) -> Counter[str]:
        """What happened in this process since its start, for monitoring.

        ``conflict``: another request had changed the session, and it was settled.
        ``gone``: a session had ended while a request changed it.
        ``undecodable``: stored data could not be read and a new session took its place.
        ``store_error``: a request could not load or store its session.
        """
        return self._keeper.counters

    # -- sessions outside of their requests ------------------------------------

    def open(self, token: str | None) -> Session:
        """The session of *token* outside of a request; call its commit() to keep changes.

        Without a token, or with an unknown one, it is a new session.
        """
        return Session(Visit(self._keeper, _NoClient(), token, retries=True))

    def sessions(self) -> Iterator[Session]:
        """Every active session, read page by page: look, change and commit(), or destroy().

        They are met by their keys, for a token lives in its browser alone: what
        would need one (renew_token, remember_me) raises HeadersSent. A session that
        cannot be read is counted and passed over.

        :raises StoreError: while iterating, when the store fails.
        """
        return (self._met(draft) for draft in self._keeper.active())

    def devices(self, principal: str) -> list[Device]:
        """The active sessions of *principal*, the latest login first.

        :raises StoreError: the store failed.
        """
        drafts = self._keeper.of_principal(principal)
        found = [self._device(draft) for draft in drafts if draft.payload.principal == principal]
        return sorted(found, key=lambda device: device.since, reverse=True)

    def end_all(self, principal: str, *, except_key: str | None = None) -> int:
        """Log *principal* out everywhere, now; how many sessions ended.

        :param except_key: the ``key`` of a session that goes on.
        :raises StoreError: the store failed; some of the sessions may have ended.
        """
        return self._keeper.discard_others(principal, except_key)

    def end_device(self, principal: str, key: str) -> bool:
        """End one session of a devices page, now; False when it is not, or no longer, *principal*'s.

        :raises StoreError: the store failed.
        """
        return self._keeper.discard_of(principal, key)

    def _met(self, draft: Draft) -> Session:
        visit = Visit(self._keeper, _NoClient(), None, draft=draft, retries=True)
        visit.sealed = NOT_ITS_REQUEST
        return Session(visit)

    def _device(self, draft: Draft) -> Device:
        payload, row = draft.payload, draft.stored
        assert row is not None, "only stored sessions are listed"  # noqa: S101 - for the type checker
        since, seen = payload.since or self._keeper.now(), self._keeper.seen(draft)
        return Device(row.key, payload.label, since, seen and max(seen, since), row.expiry)


class _NoClient:
    """Where no request brings a token: whoever asks has it at hand, and will pass on a new one."""

    def read(self, token: str | None) -> list[str]:
        return [] if token is None else [token]

    def usable(self, token: str | None) -> bool:  # noqa: ARG002 - there is nobody to ask
        return True
