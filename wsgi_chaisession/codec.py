"""Session values as bytes: JSON with tags, so that decoding can never run code.

Plain JSON holds str, bool, None, finite floats, 64-bit integers, lists and
dictionaries with string keys. Everything else travels as an object with a single
key that begins with "!": {"!bytes": "aGk="}. A user's dictionary that has such a
key itself is written as pairs, hence the two can never be confused. The first
byte is the format's version; an unknown version is undecodable, not guessed.

Encoding is deterministic (sets are ordered by their encoding), because change
detection compares encoded bytes.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, Protocol, cast
from uuid import UUID

from .errors import DecodeError, EncodeError, SessionTooLarge

VERSION = b"\x01"
MAX_BYTES = 64 * 1024
MAX_DEPTH = 100
MAX_PATH = 200  # characters of a path in an error
_INT64 = 1 << 63


class Codec(Protocol):
    """What the middleware needs of a codec.

    A payload holds the user's mapping under "values" and what the package keeps
    beside it (deadline, principal, ...) under other names. ``dumps`` must be
    deterministic and raise CodecError for what it cannot hold; ``loads`` must
    raise DecodeError, and nothing else, for bytes that it did not write.
    """

    def dumps(self, payload: Mapping[str, Any]) -> bytes: ...

    def loads(self, data: bytes) -> dict[str, Any]: ...


class JSONCodec:
    """The default codec: tagged JSON, at most *max_bytes* long."""

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be positive, not {max_bytes}")
        self.max_bytes = max_bytes

    def dumps(self, payload: Mapping[str, Any]) -> bytes:
        try:
            data = VERSION + _to_json({name: _encode(part, 0) for name, part in payload.items()})
        except _UnencodableError as error:
            raise _located(payload, error) from None
        if len(data) > self.max_bytes:
            raise SessionTooLarge(len(data), self.max_bytes)
        return data

    def loads(self, data: bytes) -> dict[str, Any]:
        if data[:1] != VERSION:
            raise DecodeError(f"session format {data[:1]!r} is not {VERSION!r}")
        try:
            payload = json.loads(data[1:].decode("utf-8", "surrogatepass"), object_hook=_untag)
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise DecodeError(f"session data of {len(data)} bytes is damaged") from error
        if not isinstance(payload, dict):
            raise DecodeError(f"session data holds a {type(payload).__name__}, not a dict")
        return cast("dict[str, Any]", payload)


def _to_json(tree: object) -> bytes:
    text = json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


class _UnencodableError(Exception):
    """A value without an encoding was met; where, is found out afterwards."""

    def __init__(self, kind: type, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


def _encode(value: Any, depth: int) -> Any:
    kind = _known_type(value)
    if kind in _LEAVES:
        return _LEAVES[kind](value)
    if depth > MAX_DEPTH:
        raise _UnencodableError(kind, f"nested deeper than {MAX_DEPTH} levels")
    return _CONTAINERS[kind](value, depth + 1)


def _known_type(value: object) -> type[Any]:
    """Subclasses are stored as the type that they extend, except where that would lie."""
    kind = type(value)
    if kind in _LEAVES or kind in _CONTAINERS:
        return kind
    if isinstance(value, Enum):
        raise _UnencodableError(kind, f"{kind.__name__} is an Enum, store its .value or .name")
    for base in kind.__mro__:
        if base in _LEAVES or base in _CONTAINERS:
            return base
    if _is_text_like(value):
        return str
    raise _UnencodableError(kind, f"{kind.__qualname__} is not a type that JSONCodec knows")


def _is_text_like(value: Any) -> bool:
    """Lazy translations of Flask-Babel, Django and others act as str without being one."""
    return hasattr(value, "__html__") or callable(getattr(value, "casefold", None))


def _same(value: Any) -> Any:
    return value


def _encode_text(value: Any) -> str:
    return str.__str__(value) if isinstance(value, str) else str(value)


def _encode_int(value: int) -> Any:
    # Decimal digits beyond the interpreter's limit are refused; hexadecimal has none.
    return int(value) if -_INT64 <= value < _INT64 else {"!int": hex(value)}


def _encode_float(value: float) -> Any:
    return float(value) if isfinite(value) else {"!float": repr(float(value))}


def _encode_bytes(value: bytes) -> str:
    return b64encode(value).decode("ascii")


def _decode_bytes(text: str) -> bytes:
    return b64decode(text, validate=True)


def _encode_timedelta(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _encode_list(value: Any, depth: int) -> list[Any]:
    return [_encode(item, depth) for item in value]


def _encode_set(value: Any, depth: int) -> list[Any]:
    return sorted((_encode(item, depth) for item in value), key=_to_json)


def _encode_dict(value: dict[Any, Any], depth: int) -> Any:
    if all(type(key) is str and key[:1] != "!" for key in value):
        return {key: _encode(item, depth) for key, item in value.items()}
    return {"!dict": [[_encode(key, depth), _encode(item, depth)] for key, item in value.items()]}


_Leaf = Callable[[Any], Any]
_Container = Callable[[Any, int], Any]

# type, tag, value to JSON, JSON to value
_TAGGED_LEAVES: list[tuple[type, str, _Leaf, _Leaf]] = [
    (bytes, "!bytes", _encode_bytes, _decode_bytes),
    (datetime, "!datetime", datetime.isoformat, datetime.fromisoformat),
    (date, "!date", date.isoformat, date.fromisoformat),
    (time, "!time", time.isoformat, time.fromisoformat),
    (timedelta, "!timedelta", _encode_timedelta, lambda parts: timedelta(*parts)),
    (UUID, "!uuid", str, UUID),
    (Decimal, "!decimal", str, Decimal),
]
_TAGGED_CONTAINERS: list[tuple[type, str, _Container, _Leaf]] = [
    (tuple, "!tuple", _encode_list, tuple),
    (set, "!set", _encode_set, set),
    (frozenset, "!frozenset", _encode_set, frozenset),
]


def _tag_leaf(tag: str, encode: _Leaf) -> _Leaf:
    return lambda value: {tag: encode(value)}


def _tag_container(tag: str, encode: _Container) -> _Container:
    return lambda value, depth: {tag: encode(value, depth)}


_LEAVES: dict[type, _Leaf] = {
    str: _encode_text,
    bool: _same,
    type(None): _same,
    int: _encode_int,
    float: _encode_float,
    **{kind: _tag_leaf(tag, encode) for kind, tag, encode, _ in _TAGGED_LEAVES},
}

_CONTAINERS: dict[type, _Container] = {
    list: _encode_list,
    dict: _encode_dict,
    **{kind: _tag_container(tag, encode) for kind, tag, encode, _ in _TAGGED_CONTAINERS},
}

_DECODERS: dict[str, _Leaf] = {
    "!int": lambda text: int(text, 16),
    "!float": float,
    "!dict": dict,
    **{tag: decode for _, tag, _, decode in _TAGGED_LEAVES},
    **{tag: decode for _, tag, _, decode in _TAGGED_CONTAINERS},
}


def _untag(node: dict[str, Any]) -> Any:
    if len(node) != 1:
        return node
    tag, content = next(iter(node.items()))
    if tag[:1] != "!":
        return node
    if tag not in _DECODERS:
        raise ValueError(f"unknown tag {tag!r}")
    return _DECODERS[tag](content)


def _located(payload: Mapping[str, Any], error: _UnencodableError) -> EncodeError:
    """The error with the path to the value, as the application wrote it: session['cart'][3]."""
    for name, part in payload.items():
        path = "session" if name == "values" else f"session.{name}"
        if _fails(part):
            return EncodeError(_path_to_culprit(part, path, 0), error.kind, str(error))
    return EncodeError("session", error.kind, str(error))


def _path_to_culprit(value: Any, path: str, depth: int) -> str:
    if depth < MAX_DEPTH:  # a value that contains itself has no innermost culprit
        for step, item in _children(value):
            if _fails(item):
                return _path_to_culprit(item, path + step, depth + 1)
    return path if len(path) < MAX_PATH else path[:MAX_PATH] + "..."


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if issubclass(type(value), dict):
        for key, item in value.items():
            yield "[key]", key
            yield f"[{key!r}]" if isinstance(key, (str, bool)) else f"[<{type(key).__name__}>]", item
    elif issubclass(type(value), (list, tuple)):
        yield from ((f"[{i}]", item) for i, item in enumerate(value))


def _fails(value: Any) -> bool:
    try:
        _encode(value, 0)
    except _UnencodableError:
        return True
    return False
