"""Find tokens of known formats in text, without a database."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from functools import cache

from token_rotation.tokens.checksum import CHECKSUM_LENGTH, checksum
from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.pattern import is_findable, pattern


class Likeness(IntEnum):
    """How sure it is that a text is a token of a format; the surest is the largest."""

    NOISE = 0
    """Its checksum fails."""
    ALIKE = 1
    """The format has no checksum: only a database can tell."""
    WELL_FORMED = 2
    """Its checksum holds. It may be revoked, or have never been stored."""


@dataclass(frozen=True, slots=True)
class FoundToken:
    """Where a text may hold a token; the token itself is ``text[start:end]``."""

    start: int
    end: int
    token_format: TokenFormat
    likeness: Likeness


def find_tokens(text: str, formats: Iterable[TokenFormat]) -> Iterator[FoundToken]:
    """Yield the places that have the shape of a token, in order.

    Formats that no scanner can know are left out. Where several formats begin at one place, the
    likeliest counts. NOISE may be dropped before anybody asks a database, unless tokens of the same
    shape were issued before their format had a checksum.
    """
    found: dict[int, FoundToken] = {}
    for token_format in filter(is_findable, formats):
        for match in _expression(token_format).finditer(text):
            (start, end), likeness = match.span(1), likeness_of(match[1], token_format)
            known = found.get(start)
            if known is None or known.likeness < likeness:
                found[start] = FoundToken(start, end, token_format, likeness)
    for start in sorted(found):
        yield found[start]


def likeness_of(token: str, token_format: TokenFormat) -> Likeness:
    """Judge a text alone, of any format."""
    if re.fullmatch(pattern(token_format), token) is None:
        return Likeness.NOISE
    if not token_format.has_checksum:
        return Likeness.ALIKE
    random = token[len(token_format.prefix) : -CHECKSUM_LENGTH]
    holds = checksum(random) == token[-CHECKSUM_LENGTH:]
    return Likeness.WELL_FORMED if holds else Likeness.NOISE


def fails_checksum(token: str, token_format: TokenFormat) -> bool:
    """Return True for a text with the shape of a token whose checksum is wrong."""
    if not token_format.has_checksum or re.fullmatch(pattern(token_format), token) is None:
        return False
    return likeness_of(token, token_format) is Likeness.NOISE


@cache
def _expression(token_format: TokenFormat) -> re.Pattern[str]:
    """Match at every place: what precedes a token may look like the begin of another."""
    return re.compile(f"(?=({pattern(token_format)}))")
