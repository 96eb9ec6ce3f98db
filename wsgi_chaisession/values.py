"""Which Python values a session may hold, and how MessagePack tells them apart.

MessagePack itself has str, bytes, bool, None, floats, 64-bit integers, lists, dictionaries
and points in time. Those are left to msgspec, which writes and reads them in C. Whatever it
would write as something else (a tuple as a list, a UUID as text) is replaced beforehand by an
extension with a number of its own. The numbers are part of the format and never change.

The same value always becomes the same bytes (sets are ordered by theirs), because change
detection compares bytes.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from msgspec import Raw
from msgspec.msgpack import Decoder, Encoder, Ext

from .lazy_text import as_text

MAX_DEPTH = 100  # levels of containers within containers
_LEAST, _MOST = -(1 << 63), (1 << 64) - 1  # the integers of MessagePack

encode: Callable[[Any], bytes] = Encoder().encode

# What msgspec keeps exactly, but for integers and text that it refuses with an error.
_ATOMS = frozenset({str, int, bool, type(None), float, bytes})


class UnencodableError(Exception):
    """A value has no encoding; where it is, is found out by whoever asked."""

    def __init__(self, kind: type, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def is_plain(value: Any, depth: int = 0) -> bool:
    """Whether msgspec keeps *value* as it is, unless it refuses it.

    Only the exact types: msgspec would also take enumerations and dataclasses, and forget them.
    """
    kind = type(value)
    if kind is list:
        items = value
    elif kind is dict:
        if not _ATOMS.issuperset(map(type, value)):
            return False
        items = value.values()
    else:
        return kind in _ATOMS or (kind is datetime and value.tzinfo is UTC)
    if depth > MAX_DEPTH:
        return False
    for item in items:  # noqa: SIM110 - half the time of all() with a generator
        if type(item) not in _ATOMS and not is_plain(item, depth + 1):
            return False
    return True


def tagged(value: Any, depth: int = 0) -> Any:
    """A copy of *value* of which msgspec keeps everything; UnencodableError if there is none."""
    kind = _known_type(value)
    if kind in _LEAVES:
        return _LEAVES[kind](value)
    if depth > MAX_DEPTH:
        raise UnencodableError(kind, f"nested deeper than {MAX_DEPTH} levels")
    return _CONTAINERS[kind](value, depth + 1)


def _known_type(value: object) -> type[Any]:
    """Subclasses are stored as the type that they extend, except where that would lie."""
    kind = type(value)
    if kind in _LEAVES or kind in _CONTAINERS:
        return kind
    if isinstance(value, Enum):
        raise UnencodableError(kind, f"{kind.__name__} is an Enum, store its .value or .name")
    for base in kind.__mro__:
        if base in _LEAVES or base in _CONTAINERS:
            return base
    if as_text(value) is not None:
        return str
    raise UnencodableError(kind, f"{kind.__qualname__} is not a type that a session can hold")


# -- the extensions: number, value to bytes, bytes to value -----------------------

_TUPLE, _SET, _FROZENSET, _PAIRS, _INT, _TEXT = 1, 2, 3, 4, 5, 6
_DATETIME, _DATE, _TIME, _TIMEDELTA, _UUID, _DECIMAL = 7, 8, 9, 10, 11, 12
_FOLD = "~"  # behind a naive time
_NOTHING = timedelta(0)


def _text(value: Any) -> Any:
    text = str.__str__(value) if isinstance(value, str) else as_text(value) or ""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair is no UTF-8
        return Ext(_TEXT, text.encode("utf-8", "surrogatepass"))
    return text


def _int(value: int) -> Any:
    number = int.__int__(value)
    if _LEAST <= number <= _MOST:
        return number
    return Ext(_INT, number.to_bytes(number.bit_length() // 8 + 1, "big", signed=True))


# The methods of the types themselves: a subclass may write itself in a way that nobody reads back.


def _datetime(value: datetime) -> Any:
    if value.tzinfo is not None and value.utcoffset() == _NOTHING:
        return datetime.combine(value, datetime.timetz(value)).replace(tzinfo=UTC)
    return Ext(_DATETIME, _with_fold(value, datetime.isoformat(value)))


def _time(value: time) -> Ext:
    return Ext(_TIME, _with_fold(value, time.isoformat(value)))


def _with_fold(value: datetime | time, text: str) -> bytes:
    """*text*, and whether it is the second time that a clock shows it, where no offset says so."""
    if value.tzinfo is None:
        return (text + _FOLD * value.fold).encode()
    if value.utcoffset() is None:  # a zone whose offset depends on the day
        raise UnencodableError(type(value), f"its time zone {value.tzinfo} has no offset by itself")
    return text.encode()


def _timedelta(value: timedelta) -> Ext:
    return Ext(_TIMEDELTA, encode([value.days, value.seconds, value.microseconds]))


def _list(value: Any, depth: int) -> list[Any]:
    return [tagged(item, depth) for item in value]


def _tuple(value: tuple[Any, ...], depth: int) -> Ext:
    return Ext(_TUPLE, encode(_list(value, depth)))


def _set(value: Any, depth: int) -> Ext:
    items = sorted({encode(tagged(item, depth)) for item in value})
    return Ext(_FROZENSET if isinstance(value, frozenset) else _SET, encode([Raw(item) for item in items]))


def _dict(value: dict[Any, Any], depth: int) -> Any:
    pairs = [(tagged(key, depth), tagged(item, depth)) for key, item in value.items()]
    if any(type(key) not in _ATOMS for key, _ in pairs):  # an extension cannot be a key
        _check_distinct(encode(key) for key, _ in pairs)
        return Ext(_PAIRS, encode(pairs))
    _check_distinct(key for key, _ in pairs)
    return dict(pairs)


def _check_distinct(keys: Iterable[Any]) -> None:
    """Texts that are none, such as lazy ones, may become the same key as others."""
    every = list(keys)
    if len(set(every)) < len(every):
        raise UnencodableError(dict, "two of its keys would be stored as the same one")


_LEAVES: dict[type, Callable[[Any], Any]] = {
    str: _text,
    bool: bool,
    type(None): lambda value: value,
    int: _int,
    float: float.__float__,
    bytes: lambda value: bytes(memoryview(value)),
    datetime: _datetime,
    date: lambda value: Ext(_DATE, date.isoformat(value).encode()),
    time: _time,
    timedelta: _timedelta,
    UUID: lambda value: Ext(_UUID, value.bytes),
    Decimal: lambda value: Ext(_DECIMAL, Decimal.__str__(value).encode()),
}

_CONTAINERS: dict[type, Callable[[Any, int], Any]] = {
    list: _list,
    dict: _dict,
    tuple: _tuple,
    set: _set,
    frozenset: _set,
}


def _as_text(data: memoryview) -> str:
    return str(data, "ascii")


def _unfold(read: Callable[[str], Any], text: str) -> Any:
    return read(text[:-1]).replace(fold=1) if text.endswith(_FOLD) else read(text)


_DECODERS: dict[int, Callable[[memoryview], Any]] = {
    _TUPLE: lambda data: tuple(decode(data)),
    _SET: lambda data: set(decode(data)),
    _FROZENSET: lambda data: frozenset(decode(data)),
    _PAIRS: lambda data: dict(decode(data)),
    _INT: lambda data: int.from_bytes(data, "big", signed=True),
    _TEXT: lambda data: str(data, "utf-8", "surrogatepass"),
    _DATETIME: lambda data: _unfold(datetime.fromisoformat, _as_text(data)),
    _DATE: lambda data: date.fromisoformat(_as_text(data)),
    _TIME: lambda data: _unfold(time.fromisoformat, _as_text(data)),
    _TIMEDELTA: lambda data: timedelta(*decode(data)),
    _UUID: lambda data: UUID(bytes=bytes(data)),
    _DECIMAL: lambda data: Decimal(_as_text(data)),
}


def _untag(number: int, data: memoryview) -> Any:
    if number not in _DECODERS:
        raise ValueError(f"unknown extension {number}")
    return _DECODERS[number](data)


decode: Callable[[bytes | memoryview], Any] = Decoder(ext_hook=_untag).decode
