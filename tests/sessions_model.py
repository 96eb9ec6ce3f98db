"""What sessions must be after any requests, in plain data: what test_model.py compares the middleware with.

A session is known by its token. Requests are made of operations; each says what it does to a real session
and what must come of that.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from wsgi_chaisession import Session

LIFETIME = timedelta(hours=10)
IDLE = timedelta(hours=1)


@dataclass(frozen=True)
class Seen:
    """A session as its visitor sees it."""

    deadline: datetime
    values: dict[str, Any] = field(default_factory=dict)
    flashes: tuple[str, ...] = ()
    principal: str | None = None
    remember: bool = False
    idle: timedelta | None = IDLE
    expiry: datetime | None = field(default=None, compare=False)

    @property
    def empty(self) -> bool:
        return not (self.values or self.flashes or self.principal)


@dataclass(frozen=True)
class Operation:
    """What an application does with a session."""

    name: str
    act: Callable[[Session], object]
    change: Callable[[Seen], Seen]
    renews: bool = False
    destroys: bool = False

    def __repr__(self) -> str:
        return self.name


def operation(kind: str, number: int) -> Operation:
    """An operation of that kind; *number* makes what it writes its own."""
    name, *arguments = kind.split()
    return _MAKERS[name](number, *arguments)


def _put(number: int, key: str, fixed: str = "") -> Operation:
    value = fixed or number
    return Operation(
        f"put {key}={value}",
        lambda session: session.update({key: value}),
        lambda seen: replace(seen, values=seen.values | {key: value}),
    )


def _remove(number: int, key: str) -> Operation:
    return Operation(
        f"remove {key}", lambda session: session.pop(key, None), lambda seen: _without(seen, key)
    )


def _flash(number: int) -> Operation:
    text = str(number)
    return Operation(
        f"flash {text}",
        lambda session: session.flash(text),
        lambda seen: replace(seen, flashes=(*seen.flashes, text)),
    )


def _set(option: str, field_: str, value: Any) -> Operation:
    return Operation(
        f"{option} {value}",
        lambda session: setattr(session, option, value),
        lambda seen: replace(seen, **{field_: value}),
    )


def _idle(number: int, minutes: str) -> Operation:
    return _set("idle_timeout", "idle", None if minutes == "none" else timedelta(minutes=int(minutes)))


def _principal(number: int, name: str) -> Operation:
    return _set("principal", "principal", None if name == "none" else name)


def _log_in(number: int, name: str) -> Operation:
    def act(session: Session) -> None:
        session.renew_token()
        session.principal = name

    return Operation(f"login {name}", act, lambda seen: replace(seen, principal=name), renews=True)


def _as_it_is(seen: Seen) -> Seen:
    return seen


_MAKERS: dict[str, Callable[..., Operation]] = {
    "put": _put,
    "remove": _remove,
    "flash": _flash,
    "show": lambda number: Operation("show", Session.flashes, lambda seen: replace(seen, flashes=())),
    "remember": lambda number: Operation(
        "remember", Session.remember_me, lambda seen: replace(seen, remember=True)
    ),
    "idle": _idle,
    "principal": _principal,
    "login": _log_in,
    "renew": lambda number: Operation("renew", Session.renew_token, _as_it_is, renews=True),
    "destroy": lambda number: Operation("destroy", Session.destroy, _as_it_is, destroys=True),
    "read": lambda number: Operation("read", lambda session: session.get("a"), _as_it_is),
}


def _without(seen: Seen, key: str) -> Seen:
    return replace(seen, values={name: value for name, value in seen.values.items() if name != key})


def merged(mine: Seen, base: Seen, theirs: Seen) -> Seen:
    """*theirs* with what turned *base* into *mine*."""

    def later(name: str) -> Any:
        one, old = getattr(mine, name), getattr(base, name)
        return getattr(theirs, name) if one == old else one

    values = {
        key: value for key, value in theirs.values.items() if key in mine.values or key not in base.values
    }
    values |= {key: value for key, value in mine.values.items() if base.values.get(key) != value}
    kept = [text for text in theirs.flashes if text in mine.flashes or text not in base.flashes]
    added = [text for text in mine.flashes if text not in base.flashes]
    scalars = {name: later(name) for name in ("deadline", "principal", "remember", "idle")}
    return replace(theirs, values=values, flashes=(*kept, *added), **scalars)


def absorbed(mine: Seen, other: Seen) -> Seen:
    """*mine* after it has taken *other* over."""
    return replace(
        mine,
        values=mine.values | other.values,
        flashes=(*mine.flashes, *other.flashes),
        deadline=max(mine.deadline, other.deadline),
        principal=mine.principal or other.principal,
        remember=mine.remember or other.remember,
        idle=other.idle if mine.idle == IDLE else mine.idle,
    )


class Model:
    """All sessions that there are, by their tokens."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.sessions: dict[str, Seen] = {}

    def get(self, token: str | None) -> Seen | None:
        """The session, if it is active."""
        seen = self.sessions.get(token or "")
        if seen is None or (seen.expiry or seen.deadline) > self.now():
            return seen
        return None

    def alive(self) -> dict[str, Seen]:
        return {token: seen for token in self.sessions if (seen := self.get(token))}

    def fresh(self) -> Seen:
        return Seen(self.now() + LIFETIME)

    def changed(self, operation: Operation, seen: Seen) -> Seen:
        after = operation.change(seen)
        return replace(after, deadline=self.now() + LIFETIME) if operation.renews else after

    def run(self, operation: Operation, token: str | None, new: str | None) -> None:
        """A whole request. *new* is the token of the session that it made or renewed, if it did."""
        base = self.get(token)
        if operation.destroys:
            self.sessions.pop(token or "", None)
        elif base is None:
            self.store(new, self.changed(operation, self.fresh()))
        else:
            self.write(operation, token, new, base=base, after=self.changed(operation, base))

    def write(
        self, operation: Operation, token: str | None, new: str | None, *, base: Seen, after: Seen
    ) -> None:
        """What a request does to its session whose row is as *base*."""
        assert token is not None
        if operation.renews:
            self.sessions.pop(token)
            self.store(new, after)
        elif after != base:
            self.sessions[token] = self.written(after)
        else:
            self.touch(token, base)

    def store(self, token: str | None, seen: Seen) -> None:
        if not seen.empty:
            assert token is not None
            self.sessions[token] = self.written(seen)

    def written(self, seen: Seen) -> Seen:
        expiry = seen.deadline if seen.idle is None else min(seen.deadline, self.now() + seen.idle)
        return replace(seen, expiry=expiry)

    def touch(self, token: str, loaded: Seen) -> None:
        """Being used moves the expiry, if that gains a tenth of the idle timeout or reaches the deadline."""
        expiry, before = self.written(loaded).expiry, loaded.expiry
        assert expiry is not None
        assert before is not None
        gain = expiry - before
        least = (loaded.idle or timedelta(0)) / 10
        if gain > timedelta(0) and (gain >= least or expiry == loaded.deadline):
            now = self.sessions[token]
            assert now.expiry is not None
            self.sessions[token] = replace(now, expiry=max(now.expiry, expiry))

    def absorb(self, token: str | None, other: str, new: str | None, mine: Seen | None) -> None:
        """A whole request that merges *other* into the session of *token*, which was loaded as *mine*."""
        taken = self.get(other)
        if taken is not None:
            del self.sessions[other]
            after = absorbed(mine or self.fresh(), taken)
            if mine is None:
                self.store(new, after)
            else:
                self.sessions[token or ""] = self.written(after)
        elif mine is not None:
            self.touch(token or "", mine)

    def end_all(self, principal: str) -> None:
        self.sessions = {token: seen for token, seen in self.alive().items() if seen.principal != principal}

    def catch_up(self, operation: Operation, token: str, new: str | None, base: Seen) -> None:
        """The end of a request that had loaded *base* when something else happened to its session."""
        mine, theirs = self.changed(operation, base), self.get(token)
        if operation.destroys:
            self.sessions.pop(token, None)
        elif theirs is None:
            if operation.renews:
                self.store(new, merged(mine, base, self.fresh()))
        elif theirs == base:
            self.write(operation, token, new, base=base, after=mine)
        elif operation.renews or merged(mine, base, theirs) != theirs:
            self.write(operation, token, new, base=theirs, after=merged(mine, base, theirs))
        elif mine == base:  # it changes nothing, and does not look
            self.touch(token, base)
