"""What one session consists of, apart from where it is stored.

The user's mapping is ``values``. Deadline, idle timeout, principal and the rest
stand beside it, so that ``clear()`` cannot wipe them and ``keys()`` does not show
them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, Literal, NamedTuple, Self

Encode = Callable[[Mapping[str, Any]], bytes]


class _Inherit(Enum):
    IDLE = "the middleware's idle timeout"


INHERIT: Final = _Inherit.IDLE  # None already means: no idle timeout
IdleTimeout = timedelta | Literal[_Inherit.IDLE] | None


class Flash(NamedTuple):
    """A message for the next page, shown once."""

    message: str
    """What is to be shown."""
    category: str
    """Its kind, such as ``info`` or ``error``."""


@dataclass(slots=True)
class Payload:
    """The content of a session."""

    deadline: datetime
    idle_timeout: IdleTimeout = INHERIT
    values: dict[str, Any] = field(default_factory=dict)
    flashes: list[Flash] = field(default_factory=list)
    remember: bool = False
    principal: str | None = None
    since: datetime | None = None  # when the principal came: the login
    label: str = ""

    @property
    def empty(self) -> bool:
        """Nothing that would be worth a row or a cookie."""
        return not (self.values or self.flashes or self.principal)

    def to_dict(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"values": self.values, "deadline": self.deadline}
        if self.idle_timeout is not INHERIT:
            parts["idle_timeout"] = self.idle_timeout
        if self.flashes:
            parts["flashes"] = [list(flash) for flash in self.flashes]
        if self.remember:
            parts["remember"] = True
        if self.principal is not None:
            parts["principal"] = self.principal
        if self.since is not None:
            parts["since"] = self.since
        if self.label:
            parts["label"] = self.label
        return parts

    @classmethod
    def from_dict(cls, parts: Mapping[str, Any]) -> Self:
        """The reverse of to_dict; ValueError when a part is missing or of another type."""
        try:
            payload = cls(_aware(parts["deadline"]), INHERIT, _expect(parts["values"], dict))
            if len(parts) > 2:
                payload._add(parts)
        except (KeyError, TypeError) as error:
            raise ValueError(f"session data lacks a part: {error}") from error
        return payload

    def _add(self, parts: Mapping[str, Any]) -> None:
        self.idle_timeout = _expect(parts.get("idle_timeout", INHERIT), timedelta, type(None), _Inherit)
        self.flashes = [Flash(*flash) for flash in parts.get("flashes", [])]
        self.remember = _expect(parts.get("remember", False), bool)
        self.principal = _expect(parts.get("principal"), str, type(None))
        self.since = _aware(parts["since"]) if "since" in parts else None
        self.label = _expect(parts.get("label", ""), str)


def _expect(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise TypeError(f"a {type(value).__name__} where a {kinds[0].__name__} belongs")
    return value


def _aware(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError("something else where a time with its zone belongs")
    return value


def rebase(mine: Payload, base: Payload, theirs: Payload, encode: Encode) -> Payload:
    """Apply to *theirs* what turned *base* into *mine*, key by key.

    Changes of different keys both survive; of the same key, mine wins. Values
    are compared as encoded, so that 1, 1.0 and True differ and nested changes show.
    """
    return Payload(
        values=_rebase_values(mine.values, base.values, theirs.values, encode),
        flashes=_rebase_flashes(mine.flashes, base.flashes, theirs.flashes),
        deadline=_later(mine.deadline, base.deadline, theirs.deadline),
        idle_timeout=_later(mine.idle_timeout, base.idle_timeout, theirs.idle_timeout),
        remember=_later(mine.remember, base.remember, theirs.remember),
        principal=_later(mine.principal, base.principal, theirs.principal),
        since=_later(mine.since, base.since, theirs.since),
        label=_later(mine.label, base.label, theirs.label),
    )


def _rebase_values(
    mine: dict[str, Any], base: dict[str, Any], theirs: dict[str, Any], encode: Encode
) -> dict[str, Any]:
    merged = {key: value for key, value in theirs.items() if key in mine or key not in base}
    changed = {
        key: value for key, value in mine.items() if key not in base or not _same(value, base[key], encode)
    }
    return merged | changed


def _rebase_flashes(mine: list[Flash], base: list[Flash], theirs: list[Flash]) -> list[Flash]:
    if mine[: len(base)] == base:  # nothing was shown, some may have been added
        return theirs + mine[len(base) :]
    shown = len(base) if theirs[: len(base)] == base else 0
    return theirs[shown:] + mine


def _later(mine: Any, base: Any, theirs: Any) -> Any:
    return theirs if mine == base else mine


def _same(one: Any, other: Any, encode: Encode) -> bool:
    return encode({"values": {"": one}}) == encode({"values": {"": other}})
