"""Session: what an application sees. A mapping with a life, and no I/O of its own.

Nothing is read until the first touch. Reading and writing go through a Keeper,
so this module knows neither cookies nor stores nor encodings.
"""

from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, TypeVar, cast, overload

from . import tokens
from .errors import HeadersSent, StoreError
from .payload import INHERIT, Flash, IdleTimeout, Payload

T = TypeVar("T")
D = TypeVar("D")

# Values that cannot change in place: handing one out needs no comparison at the end.
_ATOMS = frozenset({str, bytes, int, float, bool, type(None), datetime, timedelta})


MAX_LABEL = 200  # characters


class Status(StrEnum):
    UNLOADED = "unloaded"
    CLEAN = "clean"
    MODIFIED = "modified"
    DESTROYED = "destroyed"


@dataclass(frozen=True)
class Stored:
    """A row as this request last saw it."""

    key: str
    token: str | None  # None when the row was met by its key alone
    data: bytes
    expiry: datetime
    remember: bool
    principal: str | None


@dataclass
class Draft:
    """One request's work on one session, between load and commit."""

    payload: Payload
    origin: Stored | None = None  # as loaded: what the client's cookie says
    stored: Stored | None = None  # as now in the store
    token: str | None = None  # under which it is, or will be, stored
    obsolete: list[str] = field(default_factory=list[str])  # keys to delete after a commit
    suspect: bool = False  # set, or handed out mutable: compare before believing it clean
    gone: bool = False  # destroyed elsewhere while this request ran


class Keeper(Protocol):
    """Loads and stores drafts. Its failures are StoreError."""

    @property
    def idle_timeout(self) -> timedelta | None: ...
    def now(self) -> datetime: ...
    def fresh(self) -> Draft: ...
    def fresh_deadline(self) -> datetime: ...
    def open(self, token: str | None) -> Draft: ...
    def changed(self, draft: Draft) -> bool: ...
    def save(self, draft: Draft) -> None: ...
    def discard(self, key: str) -> None: ...
    def discard_others(self, principal: str, key: str | None) -> int: ...


class Session(MutableMapping[str, Any]):
    """The session of one request, as a mapping from str to storable values.

    Changes are kept when the response headers leave; changes inside a value
    (``session["cart"].append(x)``) need no flag. An empty new session is never stored.
    """

    def __init__(
        self, keeper: Keeper, read_token: Callable[[], str | None], draft: Draft | None = None
    ) -> None:
        self._keeper = keeper
        self._read_token = read_token
        self._draft = draft
        self._failure: StoreError | None = None
        self._destroyed = False
        self._sealed = False

    # -- mapping ---------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        draft = self._load()
        value = draft.payload.values[key]
        if type(value) not in _ATOMS:
            draft.suspect = True
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(cast("object", key), str):
            raise TypeError(f"session keys are str, not {type(key).__name__}")
        self._change(f"session[{key!r}]").payload.values[key] = value

    def __delitem__(self, key: str) -> None:
        del self._load().payload.values[key]
        self._change(f"session[{key!r}]")

    def __iter__(self) -> Iterator[str]:
        return iter(self._load().payload.values)

    def __len__(self) -> int:
        return len(self._load().payload.values)

    def __contains__(self, key: object) -> bool:
        return key in self._load().payload.values

    def __repr__(self) -> str:
        """Names the session, shows neither its token nor its values."""
        token = self._draft.token if self._draft else None
        key = (
            tokens.hash_token(token)
            if token
            else self._draft and self._draft.stored and self._draft.stored.key
        )
        name = tokens.label(key) if key else "unsaved"
        return f"<Session {name} {'unloaded' if self._draft is None else 'loaded'}>"

    @overload
    def get_as(self, key: str, kind: type[T]) -> T | None: ...
    @overload
    def get_as(self, key: str, kind: type[T], default: D) -> T | D: ...
    def get_as(self, key: str, kind: type[T], default: Any = None) -> Any:
        """The value if it is there and a *kind*, else *default*. True is no int here."""
        value = self.get(key)
        return value if _is_a(value, kind) else default

    @overload
    def pop_as(self, key: str, kind: type[T]) -> T | None: ...
    @overload
    def pop_as(self, key: str, kind: type[T], default: D) -> T | D: ...
    def pop_as(self, key: str, kind: type[T], default: Any = None) -> Any:
        """As get_as, and the key is gone afterwards, whatever its type was."""
        value = self.pop(key, None)
        return value if _is_a(value, kind) else default

    # -- messages for the next page -------------------------------------------

    def flash(self, message: str, category: str = "info") -> None:
        """Keep *message* until flashes() is next called, usually by the next page."""
        self._change("flash()").payload.flashes.append(Flash(str(message), category))

    def flashes(self) -> list[Flash]:
        """The waiting messages, oldest first; each is given out once."""
        waiting = self._load().payload.flashes
        if waiting:
            self._change("flashes()").payload.flashes = []
        return waiting

    # -- life ------------------------------------------------------------------

    def renew_token(self) -> None:
        """Give the session a new token; call it whenever privileges change (login).

        Values are kept, the deadline starts anew, the old token dies at the commit.
        """
        self._refuse_after_headers("renew_token()")
        draft = self._change("renew_token()")
        draft.token = tokens.generate()
        draft.payload.deadline = self._keeper.fresh_deadline()

    def destroy(self) -> None:
        """Delete the session from the store now. A later put starts a new one."""
        for key in self._known_keys():
            self._guarded(self._keeper.discard, key)
        self._draft = self._keeper.fresh()
        self._destroyed = True

    def merge(self, other_token: str) -> None:
        """Take over another session's values (they win) and end that session.

        For a token that travelled by another way, such as a login round trip
        through another site. An unknown token changes nothing.
        """
        draft = self._load()
        if not tokens.is_well_formed(other_token) or other_token == draft.token:
            return
        other = self._guarded(self._keeper.open, other_token)
        if other.stored is not None:
            self._absorb(self._change("merge()"), other.payload)
            draft.obsolete.append(other.stored.key)

    def end_others(self) -> int:
        """Log out everywhere except here: end this principal's other sessions, now.

        Returns how many ended; none without a principal. Call it after a change of
        password, together with renew_token().
        """
        principal = self.principal
        if principal is None:
            return 0
        return self._guarded(lambda who: self._keeper.discard_others(who, self.key), principal)

    def commit(self) -> None:
        """Store the changes now instead of when the headers leave."""
        self._guarded(self._keeper.save, self._load())

    def remember_me(self, remember: bool = True) -> None:  # noqa: FBT001, FBT002 - reads well
        """Keep the cookie when the browser closes, if Cookie(persist=False) would not."""
        self._refuse_after_headers("remember_me()")
        self._change("remember_me()").payload.remember = bool(remember)

    # -- facts -----------------------------------------------------------------

    @property
    def token(self) -> str | None:
        """The client's token; None until a new session is committed or renewed."""
        return self._load().token

    @property
    def key(self) -> str | None:
        """What the store knows the session by: shown to a person, it opens nothing."""
        stored = self._load().stored
        return stored.key if stored else None

    @property
    def new(self) -> bool:
        """Whether the store has no row of this session yet."""
        return self._load().stored is None

    @property
    def status(self) -> Status:
        """Where the session is in its life. Reading it loads nothing."""
        draft = self._draft
        if draft is None:
            return Status.UNLOADED
        if self._keeper.changed(draft):
            return Status.MODIFIED
        return Status.DESTROYED if self._destroyed else Status.CLEAN

    @property
    def deadline(self) -> datetime:
        """When the session ends, however active it is (aware, UTC)."""
        return self._load().payload.deadline

    @deadline.setter
    def deadline(self, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise ValueError(f"deadline {moment} has no time zone")
        if moment <= self._keeper.now():
            raise ValueError(f"deadline {moment} has passed; destroy() ends a session")
        self._change("deadline").payload.deadline = moment.astimezone(UTC)

    @property
    def idle_timeout(self) -> timedelta | None:
        """How long the session outlives its last use; None: until the deadline."""
        own: IdleTimeout = self._load().payload.idle_timeout
        return self._keeper.idle_timeout if own is INHERIT else own

    @idle_timeout.setter
    def idle_timeout(self, idle: timedelta | None) -> None:
        if idle is not None and idle <= timedelta(0):
            raise ValueError(f"idle_timeout must be positive, not {idle}")
        self._change("idle_timeout").payload.idle_timeout = idle

    @property
    def principal(self) -> str | None:
        """Whose session this is; all sessions of one principal can be listed and ended."""
        return self._load().payload.principal

    @principal.setter
    def principal(self, principal: str | None) -> None:
        payload = self._change("principal").payload
        if principal != payload.principal:
            payload.since = self._keeper.now() if principal else None
        payload.principal = principal or None

    @property
    def label(self) -> str:
        """What the owner calls this session on a page of devices: "Firefox on Linux"."""
        return self._load().payload.label

    @label.setter
    def label(self, label: str) -> None:
        if len(label) > MAX_LABEL:
            raise ValueError(f"a label has at most {MAX_LABEL} characters, not {len(label)}")
        self._change("label").payload.label = str(label)

    # -- for the middleware ----------------------------------------------------

    @property
    def draft(self) -> Draft | None:
        """The work so far; None when the application never touched the session."""
        return self._draft

    @property
    def failure(self) -> StoreError | None:
        """The store's last failure in this request, if any."""
        return self._failure

    @property
    def destroyed(self) -> bool:
        return self._destroyed

    def client_token(self) -> str | None:
        """The token that the client sent; its session may or may not exist."""
        return self._read_token()

    def seal(self) -> None:
        """The headers have left: from now on no cookie can follow."""
        self._sealed = True

    # -- inside ----------------------------------------------------------------

    def _load(self) -> Draft:
        if self._draft is not None:
            return self._draft
        if self._failure is not None:  # one deadline per request, not one per access
            raise self._failure
        self._draft = self._guarded(self._keeper.open, self._read_token())
        return self._draft

    def _guarded(self, call: Callable[[T], D], argument: T) -> D:
        """Remember a failing store: frameworks turn it into a 500 of their own."""
        try:
            return call(argument)
        except StoreError as error:
            self._failure = error
            raise

    def _change(self, what: str) -> Draft:
        draft = self._load()
        if self._sealed and draft.stored is None:
            raise HeadersSent(
                f"{what} was changed after the response headers left, and this session is new: "
                "its cookie can no longer be sent. Change it before the first part of the body."
            )
        draft.suspect = True
        return draft

    def _refuse_after_headers(self, what: str) -> None:
        if self._sealed:
            raise HeadersSent(
                f"{what} was called after the response headers left: the client cannot be told. "
                "Call it before the first part of the body."
            )

    def _known_keys(self) -> set[str]:
        draft = self._draft
        known = {self._read_token(), draft.token if draft else None}
        keys = {tokens.hash_token(token) for token in known if token is not None}
        if draft is not None:
            keys |= {*draft.obsolete, *(row.key for row in (draft.origin, draft.stored) if row)}
        return keys

    @staticmethod
    def _absorb(draft: Draft, other: Payload) -> None:
        mine = draft.payload
        mine.values.update(other.values)
        mine.flashes.extend(other.flashes)
        mine.deadline = max(mine.deadline, other.deadline)
        mine.remember = mine.remember or other.remember
        if mine.principal is None:
            mine.principal, mine.since = other.principal, other.since
        mine.label = mine.label or other.label


def _is_a(value: object, kind: type) -> bool:
    return isinstance(value, kind) and (type(value) is not bool or kind in (bool, object))
