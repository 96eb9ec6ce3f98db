"""Objects that stand for a text without being a str: lazy translations, and what renders itself as HTML."""

from typing import Any

_DEFAULT_STR: Any = object.__str__  # "<... object at 0x7f...>"


def as_text(value: Any) -> str | None:
    """The text that *value* stands for; None when it stands for none.

    Lazy strings of Django, Babel and others have the methods of str, but that is not enough to go
    by: the class str itself has them, and a mock has any. They must also work.
    """
    kind = type(value)
    html = getattr(kind, "__html__", None)
    if html is not None and kind.__str__ is _DEFAULT_STR:
        return _if_text(html(value))
    if html is not None or _acts_as_text(value):
        return _if_text(str(value))
    return None


def _acts_as_text(value: Any) -> bool:
    try:
        return isinstance(value.casefold(), str)
    except Exception:  # noqa: BLE001 - it has no such method, or one that only has the name
        return False


def _if_text(text: object) -> str | None:
    return str.__str__(text) if isinstance(text, str) else None
