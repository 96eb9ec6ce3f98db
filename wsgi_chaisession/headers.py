"""Response headers that others write too: merged, never replaced.

A shared cache must not hand one user's response to another. Vary says that the
session decided, Cache-Control that the cookie is not for the cache.
"""

import re

Headers = list[tuple[str, str]]

# no-store, or no-cache without a field list, already forbids what we would forbid.
_stricter = re.compile(r"(?:^|,)\s*(?:no-store|no-cache)\s*(?=,|$)", re.IGNORECASE).search


def vary_on(headers: Headers, name: str) -> None:
    """Add *name* to Vary unless it is there, or Vary is ``*``."""
    given = _all_of(headers, "vary")
    if not given:
        headers.append(("Vary", name))
        return
    present = {field.strip().lower() for field in ",".join(given).split(",")}
    if not present & {"*", name.lower()}:
        _append(headers, "Vary", name)


def keep_from_caches(headers: Headers, name: str) -> None:
    """Add ``no-cache="name"`` to Cache-Control unless it is stricter already."""
    present = ",".join(_all_of(headers, "cache-control"))
    field = f'no-cache="{name}"'
    if not _stricter(present) and field.lower() not in present.lower():
        _append(headers, "Cache-Control", field)


def _all_of(headers: Headers, name: str) -> list[str]:
    return [value for key, value in headers if key.lower() == name]


def _append(headers: Headers, name: str, item: str) -> None:
    for i, (key, value) in enumerate(headers):
        if key.lower() == name.lower():
            headers[i] = (key, f"{value}, {item}" if value.strip() else item)
            return
    headers.append((name, item))
