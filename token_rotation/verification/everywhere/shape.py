"""The characters and lengths of the listed tokens."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from token_rotation.selection.leak_list import LeakList
from token_rotation.sql.lists.copies import Wanted

SHORTEST = 8
"""Characters of the shortest token that is looked for: shorter ones stand in any text."""

MOST_HEAD_BYTES = 64

_UUID = re.compile(r"[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE).fullmatch
_BYTES = re.compile(r"\\x(?:[0-9a-f]{2})+").fullmatch
_CLASSES = (
    (frozenset(string.ascii_lowercase), "a-z"),
    (frozenset(string.ascii_uppercase), "A-Z"),
    (frozenset(string.digits), "0-9"),
)
_PRINTABLE = frozenset(string.printable) - frozenset("\t\n\r\x0b\x0c")


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a list of tokens; it tells no token.

    ``short_lines`` tokens are too short to look for. ``are_numbers``: every token is a number.
    """

    wanted: Wanted
    short_lines: int
    are_numbers: bool

    def spellings(self, token: str) -> Iterator[bytes]:
        """Yield a token in each form in which it is looked for; none if it is too short."""
        if self.wanted.is_hex:
            yield _digits(token).encode()
        elif len(token) >= SHORTEST:
            yield from _spellings(token)


def shape_of(leak_list: LeakList) -> Shape:
    """Read the whole list once, and keep none of it."""
    is_hex = all(_UUID(text) or _BYTES(text) for text in leak_list.values())
    is_hex = is_hex and not any(_too_short(_digits(text)) for text in leak_list.values())
    characters: set[str] = set()
    shortest, longest, short_lines, are_numbers = None, 0, 0, True
    for text in leak_list.values():
        are_numbers = are_numbers and text.isdecimal()
        if not is_hex and _too_short(text):
            short_lines += 1
            continue
        for form in [_digits(text).encode()] if is_hex else _spellings(text):
            shortest = len(form) if shortest is None else min(shortest, len(form))
            longest = max(longest, len(form))
            characters |= set(form.decode())
    wanted = Wanted(
        pattern=_pattern(characters),
        head_bytes=min(shortest or SHORTEST, MOST_HEAD_BYTES),
        longest_bytes=max(longest, SHORTEST),
        is_hex=is_hex,
    )
    return Shape(wanted, short_lines, are_numbers)


def _too_short(text: str) -> bool:
    return len(text) < SHORTEST


def _digits(token: str) -> str:
    """A UUID or bytes as hexadecimal digits alone."""
    return token.removeprefix("\\x").replace("-", "").lower()


def _spellings(token: str) -> set[bytes]:
    """A token as such, and as URLs, JSON and PHP's JSON write it."""
    forms = {token, quote(token, safe=""), json.dumps(token)[1:-1], token.replace("/", r"\/")}
    if _UUID(token):
        forms |= {token.lower(), _digits(token)}
    return {form.encode() for form in forms}


def _pattern(characters: set[str]) -> str | None:
    """A regular expression of stretches of such characters.

    It names letters and digits as classes, so it tells little of the tokens. It asks for 8 of them
    and not for a whole token: PostgreSQL builds a state for each at every match, which doubles the
    time of a search. None if a character is not printable ASCII.
    """
    if not characters <= _PRINTABLE:
        return None
    classes = [text for members, text in _CLASSES if members & characters]
    others = characters.difference(*(members for members, _ in _CLASSES))
    return f"[{''.join(classes)}{''.join(_escaped(sorted(others)))}]{{{SHORTEST},}}"


def _escaped(characters: list[str]) -> Iterator[str]:
    for character in characters:
        yield f"\\{character}"
