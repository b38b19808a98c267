"""Read the code of a function without its comments and texts.

Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_PIECE = re.compile(
    r"""(?P<name>"(?:[^"]|"")*")|(?P<line>--[^\n\r]*)|(?P<comment>/\*)"""
    r"""|(?<![\w$])[eE](?P<escaped>'(?:[^'\\]|\\.|'')*')|(?P<text>'(?:[^']|'')*')"""
    r"""|(?<![\w$])(?P<tag>\$(?:[^\W\d]\w*)?\$)(?P<dollars>.*?)(?P=tag)"""
    r"""|(?P<open>["']|(?<![\w$])\$(?:[^\W\d]\w*)?\$)""",
    re.DOTALL,
)
_COMMENT_EDGE = re.compile(r"/\*|\*/")
_READ = {"plpgsql", "sql"}


@dataclass(frozen=True, slots=True)
class Code:
    """Code on one line: each comment is a space, and each text is ``''``.

    ``is_clear`` is False where PostgreSQL may read it otherwise: something stays open, or a
    backslash before a quote depends on standard_conforming_strings.
    """

    text: str
    is_clear: bool


@lru_cache(maxsize=256)
def read_code(body: str) -> Code:
    """Return the code of a body in SQL or PL/pgSQL."""
    shown: list[str] = []
    is_clear, at = True, 0
    while piece := _PIECE.search(body, at):
        shown.append(body[at : piece.start()])
        at = piece.end()
        if piece["name"]:
            shown.append(piece["name"])
        elif piece["line"]:
            shown.append(" ")
        elif piece["comment"]:
            shown.append(" ")
            end = _end_of_comment(body, at)
            is_clear, at = is_clear and end is not None, len(body) if end is None else end
        else:
            shown.append(" '' ")
            is_clear &= not piece["open"] and "\\'" not in (piece["text"] or "")
    shown.append(body[at:])
    return Code(" ".join("".join(shown).split()), is_clear)


def is_readable(language: str) -> bool:
    """Return True if ``read_code`` reads bodies of the language."""
    return language in _READ


def _end_of_comment(body: str, at: int) -> int | None:
    """Return where the comment that is open ends; those of PostgreSQL nest."""
    depth = 1
    for edge in _COMMENT_EDGE.finditer(body, at):
        depth += 1 if edge[0] == "/*" else -1
        if depth == 0:
            return edge.end()
    return None
