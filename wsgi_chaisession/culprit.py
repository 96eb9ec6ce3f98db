"""Where in a session the value is that cannot be stored, as the application wrote it.

Encoding does not keep track of where it is: paths cost time, and hardly ever is one needed.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from .errors import EncodeError
from .values import MAX_DEPTH, UnencodableError, tagged

_MAX_PATH = 200  # characters


def locate(payload: Mapping[str, Any], error: UnencodableError) -> EncodeError:
    """*error* with its path: session['cart'][3]."""
    for name, part in payload.items():
        if _fails(part):
            path = _path_to_culprit(part, "session" if name == "values" else f"session.{name}")
            return EncodeError(path, error.kind, str(error))
    return EncodeError("session", error.kind, str(error))


def _path_to_culprit(value: Any, path: str, depth: int = 0) -> str:
    if depth < MAX_DEPTH:  # a value that contains itself has no innermost culprit
        for step, item in _children(value):
            if _fails(item):
                return _path_to_culprit(item, path + step, depth + 1)
    return path if len(path) < _MAX_PATH else path[:_MAX_PATH] + "..."


def _children(value: Any) -> Iterator[tuple[str, Any]]:
    if issubclass(type(value), dict):
        for key, item in value.items():
            yield "[key]", key
            yield f"[{key!r}]" if isinstance(key, (str, bool)) else f"[<{type(key).__name__}>]", item
    elif issubclass(type(value), (list, tuple)):
        yield from ((f"[{i}]", item) for i, item in enumerate(value))


def _fails(value: Any) -> bool:
    try:
        tagged(value)
    except UnencodableError:
        return True
    return False
