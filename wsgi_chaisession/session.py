"""Session: what an application sees. A mapping with a life, and no I/O of its own.

Each method says what is wanted of the session; the Visit behind it loads, guards and remembers.
"""

import secrets
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self, TypeVar, cast, overload

from . import tokens
from .payload import MAX_LIFE, Flash
from .visit import Visit

T = TypeVar("T")
D = TypeVar("D")

# Values that cannot change in place: handing one out needs no comparison at the end.
_ATOMS = frozenset({str, bytes, int, float, bool, type(None), datetime, timedelta})

MAX_LABEL = 200  # characters
MAX_FLASHES = 50  # messages that nobody has called for yet


class Status(StrEnum):
    """Where a session is in its life."""

    UNLOADED = "unloaded"
    """Nothing was read yet: the request has not touched it."""
    CLEAN = "clean"
    """As it is in the store, or new and empty."""
    MODIFIED = "modified"
    """A commit would write it."""
    DESTROYED = "destroyed"
    """Deleted by this request; a put makes it a new one, and modified."""


class Session(MutableMapping[str, Any]):
    """The session of one request, as a mapping from str to storable values.

    Changes are kept when the response headers leave; changes inside a value
    (``session["cart"].append(x)``) need no flag. An empty new session is never stored.

    Whatever touches the session first reads it from the store, and raises StoreError
    if that fails. A change raises HeadersSent when the response headers have left and
    the session is new, for its cookie can no longer be sent.
    """

    __slots__ = ("_visit",)

    def __init__(self, visit: Visit) -> None:
        self._visit = visit

    # -- mapping ---------------------------------------------------------------

    def __getitem__(self, key: str) -> Any:
        draft = self._visit.draft or self._visit.load()
        value = draft.payload.values[key]
        if type(value) not in _ATOMS:
            draft.suspect = True
        return value

    def __setitem__(self, key: str, value: Any) -> None:
        if not isinstance(cast("object", key), str):
            raise TypeError(f"session keys are str, not {type(key).__name__}")
        self._visit.change(f"session[{key!r}]").payload.values[key] = value

    def __ior__(self, other: Mapping[str, Any]) -> Self:
        self.update(other)
        return self

    def __delitem__(self, key: str) -> None:
        del self._visit.load().payload.values[key]
        self._visit.change(f"session[{key!r}]")

    def __iter__(self) -> Iterator[str]:
        return iter(self._visit.load().payload.values)

    def __len__(self) -> int:
        return len(self._visit.load().payload.values)

    def __contains__(self, key: object) -> bool:
        return key in self._visit.load().payload.values

    def __repr__(self) -> str:
        """Names the session, shows neither its token nor its values."""
        draft = self._visit.draft
        if draft is None:
            return "<Session unsaved unloaded>"
        key = tokens.hash_token(draft.token) if draft.token else draft.stored and draft.stored.key
        return f"<Session {tokens.label(key) if key else 'unsaved'} loaded>"

    @overload
    def get_as(self, key: str, kind: type[T]) -> T | None: ...
    @overload
    def get_as(self, key: str, kind: type[T], default: D) -> T | D: ...
    def get_as(self, key: str, kind: type[T], default: Any = None) -> Any:
        """The value if it is there and a *kind*, else *default*.

        True is no int here, and as in type hints an int will do where a float is asked for.

        :raises StoreError: the store failed at the first touch.
        """
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
        """Keep *message* until flashes() is next called, usually by the next page.

        At most 50 wait; then the oldest makes room. What is no str is kept as its text.

        :raises TypeError: *category* is no str.
        :raises HeadersSent: the session is new and its cookie can no longer be sent.
        """
        _check_type("a flash's category", category, str)
        flashes = self._visit.change("flash()").payload.flashes
        flashes[secrets.randbits(48)] = Flash(str(message), str(category))
        while len(flashes) > MAX_FLASHES:
            del flashes[next(iter(flashes))]

    def flashes(self) -> list[Flash]:
        """The waiting messages, oldest first; each is given out once."""
        waiting = self._visit.load().payload.flashes
        if waiting:
            self._visit.change("flashes()").payload.flashes = {}
        return list(waiting.values())

    # -- life ------------------------------------------------------------------

    def renew_token(self) -> None:
        """Give the session a new token; call it whenever privileges change (login).

        Values are kept, the deadline starts anew. The old token dies at the commit, with no
        time of grace: whoever knew it before the login must gain nothing by it.

        :raises HeadersSent: the client can no longer be told.
        """
        draft = self._visit.change_of_token("renew_token()")
        draft.token = tokens.generate()
        draft.payload.deadline = self._visit.keeper.fresh_deadline()

    def destroy(self) -> None:
        """Delete the session from the store now. A later put starts a new one.

        :raises StoreError: the store failed, and the session may still be there.
        """
        self._visit.destroy()

    def merge(self, other_token: str) -> None:
        """Take over another session, and end it.

        For a token that travelled by another way, such as a login round trip through another
        site. The other session's values win over those of the same name, and its messages are
        added. Of the rest this session takes what it lacks: principal with its time of login,
        label, idle timeout; the later of the two deadlines; and it is to be remembered if one
        of them is. An unknown token changes nothing, nor does one of this very session.

        The other session ends in the moment in which this one is saved. If it was changed until
        then, it is taken over as it is by then; if it has ended, nothing of it is kept; if this
        one has ended, the other goes on.

        :raises TypeError: *other_token* is no str.
        :raises HeadersSent: this session is new and its cookie can no longer be sent.
        :raises EncodeError: a value of this session cannot be stored.
        :raises StoreError: the store failed, and nothing was taken over.
        """
        _check_type("a token", other_token, str)
        if tokens.is_well_formed(other_token):
            self._visit.merge(other_token)

    def end_others(self) -> int:
        """Log out everywhere except here: end this principal's other sessions, now.

        The principal is the one that this session has at the moment, also if it was set just now
        and is not saved yet. Returns how many ended; none without a principal. Call it after a
        change of password, together with renew_token().

        :raises StoreError: the store failed; some of the sessions may have ended.
        """
        principal = self.principal
        if principal is None:
            return 0
        return self._visit.guarded(lambda who: self._visit.keeper.discard_others(who, self.key), principal)

    def commit(self) -> None:
        """Store the changes now instead of when the headers leave.

        If another request changed the session meanwhile, the middleware's on_conflict
        decides; a list or dictionary that was taken from the session before, and that the other
        request changed, is then no longer part of it: take it anew. If the session has ended
        meanwhile, it is not brought back: the changes are dropped, and this session is a new,
        empty one. Nothing is saved if that needs a cookie which must be secure, over plain HTTP.

        :raises EncodeError: a value cannot be stored; the message has its path and type.
        :raises SessionTooLarge: the session is longer than the codec's limit.
        :raises SessionConflict: on_conflict is "error", or others were faster again and again.
        :raises StoreError: the store failed.
        """
        self._visit.commit()

    def remember_me(self, remember: bool = True) -> None:  # noqa: FBT001, FBT002 - reads well
        """Keep the cookie when the browser closes, if Cookie(persist=False) would not.

        :raises HeadersSent: the client can no longer be told.
        """
        self._visit.change_of_token("remember_me()").payload.remember = bool(remember)

    # -- facts -----------------------------------------------------------------

    @property
    def token(self) -> str | None:
        """The client's token; None until a new session is committed or renewed."""
        return self._visit.load().token

    @property
    def key(self) -> str | None:
        """What the store knows the session by: shown to a person, it opens nothing."""
        stored = self._visit.load().stored
        return stored.key if stored else None

    @property
    def new(self) -> bool:
        """Whether the store has no row of this session yet."""
        return self._visit.load().stored is None

    @property
    def status(self) -> Status:
        """Where the session is in its life. Reading it loads nothing."""
        draft = self._visit.draft
        if draft is None:
            return Status.UNLOADED
        if self._visit.keeper.changed(draft):
            return Status.MODIFIED
        return Status.DESTROYED if self._visit.destroyed else Status.CLEAN

    @property
    def deadline(self) -> datetime:
        """When the session ends, however active it is (aware, UTC).

        Setting it raises ValueError for a time that has no zone, has passed, or is more than a
        hundred years away.
        """
        return self._visit.load().payload.deadline

    @deadline.setter
    def deadline(self, moment: datetime) -> None:
        _check_type("a deadline", moment, datetime)
        now = self._visit.keeper.now()
        if moment.utcoffset() is None:
            raise ValueError(f"deadline {moment} has no time zone")
        if moment <= now:
            raise ValueError(f"deadline {moment} has passed; destroy() ends a session")
        if moment - now > MAX_LIFE:
            raise ValueError(f"deadline {moment} is more than {MAX_LIFE.days} days away")
        self._visit.change("deadline").payload.deadline = moment.astimezone(UTC)

    @property
    def idle_timeout(self) -> timedelta | None:
        """How long the session outlives its last use; None: until the deadline.

        Set it for this session alone; ValueError unless it is None, or positive and at most a
        hundred years.
        """
        return self._visit.keeper.idle_timeout(self._visit.load())

    @idle_timeout.setter
    def idle_timeout(self, idle: timedelta | None) -> None:
        _check_type("an idle timeout", idle, timedelta, type(None))
        if idle is not None and not timedelta(0) < idle <= MAX_LIFE:
            raise ValueError(f"idle_timeout must be positive and at most {MAX_LIFE.days} days, not {idle}")
        self._visit.change("idle_timeout").payload.idle_timeout = idle

    @property
    def principal(self) -> str | None:
        """Whose session this is; all sessions of one principal can be listed and ended.

        Any text that names a user for good, such as ``user:42``; the store's index has its hash.
        None and the empty text mean nobody. Setting it raises TypeError for anything else.
        """
        return self._visit.load().payload.principal

    @principal.setter
    def principal(self, principal: str | None) -> None:
        _check_type("a principal", principal, str, type(None))
        payload = self._visit.change("principal").payload
        if principal != payload.principal:
            payload.since = self._visit.keeper.now() if principal else None
        payload.principal = principal or None

    @property
    def label(self) -> str:
        """What the owner calls this session on a page of devices: "Firefox on Linux".

        Setting it raises TypeError for what is no str, and ValueError for more than 200 characters.
        """
        return self._visit.load().payload.label

    @label.setter
    def label(self, label: str) -> None:
        _check_type("a label", label, str)
        if len(label) > MAX_LABEL:
            raise ValueError(f"a label has at most {MAX_LABEL} characters, not {len(label)}")
        self._visit.change("label").payload.label = str(label)


def _check_type(what: str, value: object, *kinds: type) -> None:
    if not isinstance(value, kinds):
        raise TypeError(f"{what} must be {kinds[0].__name__}, not {type(value).__name__}")


def _is_a(value: object, kind: type) -> bool:
    if type(value) is bool:
        return kind in (bool, object)
    return isinstance(value, kind) or (kind is float and isinstance(value, int))
