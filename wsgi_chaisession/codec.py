"""Sessions as bytes: MessagePack by msgspec, behind a byte that says which format it is.

Decoding makes values and nothing else, so no data can run code. A format that is not known is
undecodable, never guessed.
"""

from collections.abc import Mapping
from typing import Any, Protocol, cast

from . import json_format
from .culprit import locate
from .errors import DecodeError, SessionTooLarge
from .values import UnencodableError, decode, encode, is_plain, tagged

MAX_BYTES = 64 * 1024

_VERSION = b"\x02"
_FORMATS = {b"\x01": json_format.decode, _VERSION: decode}

# What decoding damaged data can raise, from msgspec and from the types themselves.
_DAMAGE = (ValueError, TypeError, ArithmeticError, RecursionError)


class Codec(Protocol):
    """What the middleware needs of a codec.

    A payload holds the user's mapping under "values" and what the package keeps
    beside it (deadline, principal, ...) under other names.
    """

    def dumps(self, payload: Mapping[str, Any]) -> bytes:
        """The payload as bytes, the same ones for the same payload.

        :raises CodecError: for what it cannot hold.
        """
        ...

    def loads(self, data: bytes) -> dict[str, Any]:
        """The payload that dumps() made into *data*.

        :raises DecodeError: and nothing else, for bytes that it did not write.
        """
        ...


class MsgpackCodec:
    """The default codec: MessagePack with extensions for what it lacks.

    Kept exactly: str (lone surrogates too), bytes, int of any size, float (NaN and the
    infinities too), bool, None, list, tuple, set, frozenset, dict with keys of any of
    these types, datetime (a zone as its offset from UTC), date, time, timedelta, UUID
    and Decimal. A subclass is stored as the type that it extends. Lazy translations
    become str, and so does what renders itself: by its ``__str__`` if it has one, else by
    its ``__html__``. Refused: Enum, every other type, a time of day in a zone whose offset
    depends on the day, and a dict of which two keys would become the same text.

    :param max_bytes: how long an encoded session may be; 64 KiB by default.
    :raises ValueError: max_bytes is not positive.
    """

    def __init__(self, *, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes < 1:
            raise ValueError(f"max_bytes must be positive, not {max_bytes}")
        self.max_bytes = max_bytes

    def dumps(self, payload: Mapping[str, Any]) -> bytes:
        """The payload as bytes, the same ones for the same payload.

        :raises EncodeError: a value cannot be stored; the message has its path and type.
        :raises SessionTooLarge: the result is longer than max_bytes.
        """
        data = _VERSION + _encode(payload)
        if len(data) > self.max_bytes:
            raise SessionTooLarge(len(data), self.max_bytes)
        return data

    def loads(self, data: bytes) -> dict[str, Any]:
        """The payload that dumps() made into *data*, or that was written as tagged JSON.

        :raises DecodeError: the data is damaged, or of an unknown format.
        """
        read = _FORMATS.get(data[:1])
        if read is None:
            raise DecodeError(f"session format {data[:1]!r} is none of {', '.join(map(repr, _FORMATS))}")
        try:
            payload = read(data[1:])
        except _DAMAGE as error:
            raise DecodeError(f"session data of {len(data)} bytes is damaged") from error
        if not isinstance(payload, dict):
            raise DecodeError(f"session data holds a {type(payload).__name__}, not a dict")
        return cast("dict[str, Any]", payload)


def _encode(payload: Mapping[str, Any]) -> bytes:
    if is_plain(payload):
        try:
            return encode(payload)
        except (OverflowError, UnicodeEncodeError):  # larger integers, lone surrogates
            pass
    try:
        return encode({name: tagged(part) for name, part in payload.items()})
    except UnencodableError as error:
        raise locate(payload, error) from None
