"""The format of version 1, tagged JSON: read for sessions that were stored in it, no longer written.

What JSON does not have is an object with a single key that begins with "!", such as
{"!bytes": "aGk="}.
"""

import json
from base64 import b64decode
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

_DECODERS: dict[str, Callable[[Any], Any]] = {
    "!int": lambda text: int(text, 16),
    "!float": float,
    "!dict": dict,
    "!bytes": lambda text: b64decode(text, validate=True),
    "!datetime": datetime.fromisoformat,
    "!date": date.fromisoformat,
    "!time": time.fromisoformat,
    "!timedelta": lambda parts: timedelta(*parts),
    "!uuid": UUID,
    "!decimal": Decimal,
    "!tuple": tuple,
    "!set": set,
    "!frozenset": frozenset,
}


def decode(data: bytes) -> Any:
    """What *data*, without its version, holds; any Exception when it is damaged."""
    return json.loads(data.decode("utf-8", "surrogatepass"), object_hook=_untag)


def _untag(node: dict[str, Any]) -> Any:
    if len(node) != 1:
        return node
    tag, content = next(iter(node.items()))
    if tag[:1] != "!":
        return node
    if tag not in _DECODERS:
        raise ValueError(f"unknown tag {tag!r}")
    return _DECODERS[tag](content)
