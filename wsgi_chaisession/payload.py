"""What one session consists of, apart from where it is stored.

The user's mapping is ``values``. Deadline, idle timeout, principal and the rest
stand beside it, so that ``clear()`` cannot wipe them and ``keys()`` does not show
them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, Final, Literal, NamedTuple, Self, TypeVar

from .errors import DecodeError

K = TypeVar("K")
Same = Callable[[Any, Any], bool]

# What a session may be told to live, from now on or idle. Browsers keep no cookie longer than 400 days.
MAX_LIFE = timedelta(days=36525)
_LAST_YEAR = 9998  # beyond it there is no day after tomorrow


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
    # By numbers drawn at random: two tabs may leave the same text, and each is shown once.
    flashes: dict[int, Flash] = field(default_factory=dict)
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
            parts["flashes"] = [[*flash, number] for number, flash in self.flashes.items()]
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
        """The reverse of to_dict; DecodeError when a part is missing or of another type."""
        try:
            payload = cls(_moment(parts["deadline"]), INHERIT, _expect(parts["values"], dict))
            if len(parts) > 2:
                payload._add(parts)
        except (KeyError, TypeError) as error:
            raise DecodeError(f"session data lacks a part: {error}") from error
        return payload

    def _add(self, parts: Mapping[str, Any]) -> None:
        self.idle_timeout = _idle_timeout(parts.get("idle_timeout", INHERIT))
        self.flashes = dict(_flash(i, *flash) for i, flash in enumerate(parts.get("flashes", ())))
        self.remember = _expect(parts.get("remember", False), bool)
        self.principal = _expect(parts.get("principal"), str, type(None))
        self.since = _moment(parts["since"]) if "since" in parts else None
        self.label = _expect(parts.get("label", ""), str)


def _expect(value: Any, *kinds: type) -> Any:
    if not isinstance(value, kinds):
        raise TypeError(f"a {type(value).__name__} where a {kinds[0].__name__} belongs")
    return value


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None or value.year > _LAST_YEAR:
        raise TypeError("something else where a time with its zone belongs")
    return value


def _idle_timeout(value: Any) -> IdleTimeout:
    idle: IdleTimeout = _expect(value, timedelta, type(None), _Inherit)
    if isinstance(idle, timedelta) and not timedelta(0) < idle <= MAX_LIFE:
        raise TypeError(f"an idle timeout of {idle}")
    return idle


def _flash(place: int, message: Any, category: Any, number: Any = None) -> tuple[int, Flash]:
    if number is None:  # written before messages had numbers
        number = -1 - place
    return _expect(number, int), Flash(_expect(message, str), _expect(category, str))


def absorb(mine: Payload, other: Payload) -> None:
    """Take over what another session consists of. Of its values all win, of the rest what *mine* lacks."""
    mine.values.update(other.values)
    mine.flashes.update(other.flashes)
    mine.deadline = max(mine.deadline, other.deadline)
    if mine.idle_timeout is INHERIT:
        mine.idle_timeout = other.idle_timeout
    mine.remember = mine.remember or other.remember
    if mine.principal is None:
        mine.principal, mine.since = other.principal, other.since
    mine.label = mine.label or other.label


def rebase(mine: Payload, base: Payload, theirs: Payload, same: Same) -> Payload:
    """Apply to *theirs* what turned *base* into *mine*, key by key.

    Changes of different keys both survive; of the same key, mine wins. What nobody changed stays
    the object that it is in *mine*, because the application may hold it.

    :param same: whether two values are the same once stored, so that 1, 1.0 and True differ and
        nested changes show.
    """
    return Payload(
        values=_rebase_keys(mine.values, base.values, theirs.values, same),
        flashes=_rebase_keys(mine.flashes, base.flashes, theirs.flashes, lambda one, other: one == other),
        deadline=_later(mine.deadline, base.deadline, theirs.deadline),
        idle_timeout=_later(mine.idle_timeout, base.idle_timeout, theirs.idle_timeout),
        remember=_later(mine.remember, base.remember, theirs.remember),
        principal=_later(mine.principal, base.principal, theirs.principal),
        since=_later(mine.since, base.since, theirs.since),
        label=_later(mine.label, base.label, theirs.label),
    )


def _rebase_keys(mine: dict[K, Any], base: dict[K, Any], theirs: dict[K, Any], same: Same) -> dict[K, Any]:
    merged = {key: value for key, value in theirs.items() if key in mine or key not in base}
    for key, value in mine.items():
        changed = key not in base or not same(value, base[key])
        if changed or (key in merged and same(value, merged[key])):
            merged[key] = value
    return merged


def _later(mine: Any, base: Any, theirs: Any) -> Any:
    return theirs if mine == base else mine
