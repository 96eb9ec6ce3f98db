"""What a target is: the one place that tells a directory from a URL, and from what is neither."""

import enum
import os
import re

import psycopg
from psycopg.conninfo import conninfo_to_dict

MEMORY = ":memory:"
_URL_SCHEMES = ("postgresql://", "postgres://")
# Of two characters at least: one is a drive's letter.
_SCHEME = re.compile(r"[A-Za-z][\w+.-]+://")


class TargetKind(enum.Enum):
    """What `connect` takes a target for."""

    DIRECTORY = enum.auto()
    MEMORY = enum.auto()
    URL = enum.auto()


def target_kind(target: str | os.PathLike[str]) -> TargetKind:
    """Tell what *target* is; nothing is looked up. A path object is a directory, whatever its name is.

    Raises ValueError, with what to give instead, for text that is meant for something else: an empty one,
    another database's URL, libpq's `keyword=value` text. Its message quotes no more than a URL's scheme.
    """
    if os.fspath(target) == MEMORY:
        return TargetKind.MEMORY
    if not isinstance(target, str):
        return TargetKind.DIRECTORY
    if not target:
        raise ValueError("the target must not be empty: give a directory or a postgresql:// URL")
    if target.startswith(_URL_SCHEMES):
        return TargetKind.URL
    if scheme := _SCHEME.match(target):
        raise ValueError(f"{scheme[0]} is not supported: give a directory or a postgresql:// URL")
    if _is_conninfo(target):
        raise ValueError(
            "keyword=value text is not supported: give a postgresql:// URL; "
            "a directory of such a name begins with ./ or /"
        )
    return TargetKind.DIRECTORY


def _is_conninfo(text: str) -> bool:
    """Whether libpq would take it: it knows its keywords."""
    if "=" not in text:
        return False
    try:
        return bool(conninfo_to_dict(text))
    except psycopg.ProgrammingError:
        return False
