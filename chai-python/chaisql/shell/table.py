"""Draw rows as a table whose columns line up, with nothing in it that a terminal would take for a command."""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence

# Besides control characters what turns text around, and could make it read as something else.
_CONTROLS = [*range(32), *range(127, 160), 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_WRITTEN = {ord("\t"): "\\t", ord("\n"): "\\n", ord("\r"): "\\r"}
_ESCAPES = {code: f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" for code in _CONTROLS} | _WRITTEN


def printable(text: str) -> str:
    """The text with control characters written out."""
    return text.translate(_ESCAPES)


def draw(names: Sequence[str], rows: Sequence[Sequence[str | None]], right: Sequence[bool]) -> Iterator[str]:
    """The lines of the table. None is shown as nothing, as psql does.

    :param right: which columns are set flush right.
    """
    cells = [[printable(value or "") for value in row] for row in rows]
    heads = [printable(name) for name in names]
    widths = [max(map(_width, column)) for column in zip(heads, *cells, strict=True)]
    yield _line([_centered(head, width) for head, width in zip(heads, widths, strict=True)])
    yield "+".join("-" * (width + 2) for width in widths)
    for row in cells:
        yield _line(
            _padded(cell, width, right=flush) for cell, width, flush in zip(row, widths, right, strict=True)
        )


def draw_expanded(names: Sequence[str], rows: Sequence[Sequence[str | None]]) -> Iterator[str]:
    """The lines of the rows, one for each column."""
    heads = [printable(name) for name in names]
    cells = [[printable(value or "") for value in row] for row in rows]
    left = max(map(_width, heads), default=0)
    rule = "-" * (left + 1) + "+" + "-" * (1 + max(_width(cell) for row in cells for cell in ["", *row]))
    for number, row in enumerate(cells, 1):
        title = f"-[ RECORD {number} ]"
        yield title + rule[len(title) :]
        for head, cell in zip(heads, row, strict=True):
            yield f"{_padded(head, left, right=False)} | {cell}".rstrip()


def _line(cells: Iterable[str]) -> str:
    return " " + " | ".join(cells).rstrip()


def _padded(text: str, width: int, *, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def _centered(text: str, width: int) -> str:
    space = width - _width(text)
    return " " * (space // 2) + text + " " * (space - space // 2)


def _width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
