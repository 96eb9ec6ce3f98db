"""Say in words what a check, a repair, an adoption or a backup found out."""

from collections.abc import Iterator
from typing import Any

Report = dict[str, Any]


def problems(report: Report) -> list[str]:
    """What is wrong, a line each; nothing when all is well."""
    return [
        f"{place}: {problem['text']}"
        for place, part in _parts(report)
        for problem in part.get("problems") or []
    ]


def skipped(report: Report) -> list[str]:
    """What was not looked at, and why."""
    return [f"{place}: {part['skipped']}" for place, part in _parts(report) if part.get("skipped")]


def extent(report: Report) -> str:
    """How much was looked at."""
    tables = report["tables"]
    return ", ".join(
        (
            _count(len(tables), "table"),
            _count(sum(table["rows"] for table in tables), "row"),
            _count(sum(len(table.get("indexes") or []) for table in tables), "index", "indexes"),
        )
    )


def size(count: float) -> str:
    """A number of bytes for people."""
    if count < 1000:
        return f"{count} bytes"
    for unit in ("kB", "MB"):
        count /= 1000
        if count < 1000:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} GB"


def _parts(report: Report) -> Iterator[tuple[str, Report]]:
    for table in report["tables"]:
        yield f"table {table['name']}", table
        for index in table.get("indexes") or []:
            yield f"table {table['name']}, index {index['name']}", index


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
