"""Cut text into statements where PostgreSQL does: at semicolons outside of quotes and comments."""

import re

# Each alternative takes as much as belongs together; what lacks its end takes all that is left.
_TOKEN = re.compile(
    r"""
      (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<escapes>(?<![\w$])[eE]'[^'\\]*(?:(?:\\.|'')[^'\\]*)*(?:'|\\?\Z))
    | (?P<text>'[^']*(?:''[^']*)*(?:'|\Z))
    | (?P<name>"[^"]*(?:""[^"]*)*(?:"|\Z))
    | (?P<dollar>(?<![\w$])\$(?:[A-Za-z_]\w*)?\$)
    | (?P<end>;)
    | (?P<other>[^-/eE'"$;]+|.)
    """,
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")


def split(text: str) -> tuple[list[str], str]:
    """The statements that are complete, without their semicolons, and what follows the last of them.

    Parts without any SQL are left out; the rest is "" if there is no SQL in it.
    """
    statements: list[str] = []
    begin = at = 0
    content = False
    while token := _TOKEN.match(text, at):
        kind, at = token.lastgroup, token.end()
        if kind == "end":
            if content:
                statements.append(text[begin : token.start()].strip())
            begin, content = at, False
            continue
        if kind == "block":
            at = _after_comment(text, at)
        elif kind == "dollar":
            close = text.find(token[0], at)
            at = close + len(token[0]) if close >= 0 else -1
        if at < 0:
            break
        content = content or (kind not in {"comment", "block"} and not token[0].isspace())
    rest = text[begin:]
    return statements, rest if content or at < 0 else ""


def _after_comment(text: str, at: int) -> int:
    """Where a comment ends that has begun before *at*: comments nest. -1 if it does not."""
    depth = 1
    for mark in _BLOCK.finditer(text, at):
        depth += 1 if mark[0] == "/*" else -1
        if depth == 0:
            return mark.end()
    return -1
