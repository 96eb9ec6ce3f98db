"""Whether two values, or two sessions, are the same once they are stored.

Equal bytes are, and for a codec that writes the same bytes for the same payload that is all there is
to it. One that encrypts with a nonce never writes the same bytes twice; what it wrote is then read
back and compared, because otherwise every session would count as changed by whoever looks at it.
"""

from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from .codec import Codec


class Sameness:
    """How to compare what a codec writes."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec

    def of_data(self, one: bytes, other: bytes) -> bool:
        """Whether both are the same session."""
        if one == other:
            return True
        return not self._deterministic and alike(self._codec.loads(one), self._codec.loads(other))

    def of_values(self, one: Any, other: Any) -> bool:
        """Whether both values would be stored as the same."""
        return self.of_data(self._alone(one), self._alone(other))

    def _alone(self, value: Any) -> bytes:
        return self._codec.dumps({"values": {"": value}})

    @cached_property
    def _deterministic(self) -> bool:
        payload = {"values": {}, "deadline": datetime(2000, 1, 1, tzinfo=UTC)}
        return self._codec.dumps(payload) == self._codec.dumps(payload)


def alike(one: Any, other: Any) -> bool:
    """Equality that tells 1, 1.0 and True apart, 0.0 from -0.0, and dictionaries of another order."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return alike(list(one.items()), list(other.items()))
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(alike, one, other))
    if isinstance(one, (set, frozenset)):
        return {(type(item), item) for item in one} == {(type(item), item) for item in other}
    if isinstance(one, float):
        return repr(one) == repr(other)
    return bool(one == other)
