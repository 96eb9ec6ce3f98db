"""Cut text into statements where psql does: at semicolons outside of quotes, comments and parentheses."""

import re

# Each alternative takes as much as belongs together; what lacks its end takes all that is left.
_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<escapes>(?<![\w$])[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:(?P<escapes_end>')|\\?\Z))
    | (?P<text>'[^']*(?:''[^']*)*(?:(?P<text_end>')|\Z))
    | (?P<name>"[^"]*(?:""[^"]*)*(?:(?P<name_end>")|\Z))
    | (?P<dollar>(?<![\w$])\$(?:[A-Za-z_]\w*)?\$)
    | (?P<end>;)
    | (?P<paren>[()])
    | (?P<other>[^-/eE'"$;()]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")


def split(text: str) -> tuple[list[str], str]:
    """The statements that are complete, without their semicolons, and what follows the last of them.

    Parts without any SQL are left out; the rest is "" if there is no SQL in it.
    """
    statements, rest, _ = _cut(text)
    return statements, rest


def open_part(text: str) -> str:
    """What the text leaves open, in the sign that psql's prompt has for it.

    A quote of its kind, `$` for one in dollars, `*` for a comment, `(`, or `-` for a statement alone.
    """
    return _cut(text)[2]


def _cut(text: str) -> tuple[list[str], str, str]:
    statements: list[str] = []
    begin = at = depth = 0
    content, left_open = False, ""
    while token := _TOKEN.match(text, at):
        kind, at = token.lastgroup or "", token.end()
        if kind == "end" and depth <= 0:
            if content:
                statements.append(text[begin : token.start()].strip())
            begin, content, depth = at, False, 0
            continue
        at, left_open = _whole(text, token, kind, at)
        if left_open:
            break
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        content = content or (kind not in {"comment", "block"} and not token[0].isspace())
    rest = text[begin:] if content or left_open else ""
    return statements, rest, left_open or ("(" if depth > 0 else "-")


def _whole(text: str, token: re.Match[str], kind: str, at: int) -> tuple[int, str]:
    """Where the part that the token begins ends, and its sign if it does not."""
    if kind == "block":
        at = _after_comment(text, at)
        return at, "*" if at < 0 else ""
    if kind == "dollar":
        close = text.find(token[0], at)
        return close + len(token[0]), "$" if close < 0 else ""
    if kind in {"text", "escapes", "name"} and token[f"{kind}_end"] is None:
        return at, '"' if kind == "name" else "'"
    return at, ""


def _after_comment(text: str, at: int) -> int:
    """Where a comment ends that has begun before *at*: comments nest. -1 if it does not."""
    depth = 1
    for mark in _BLOCK.finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return -1
