"""The quotes of one line of CSV, by RFC 4180.

Pure: it knows no file.
"""

from __future__ import annotations

import re
from typing import NamedTuple

AFTER_QUOTE = "',' expected after '\"'"
STRAY_QUOTE = "a quote in a field that does not begin with one"
STRAY_RETURN = "a carriage return in a field without quotes"

_QUOTED = re.compile(r'[^"]*+(?:""[^"]*+)*+')
_PLAIN = re.compile(r'[^",\r\n]*+')
_QUOTES = re.compile('"+')
_END = re.compile(r"\r?\n?\Z")


class Reading(NamedTuple):
    """A line as it reads from one of two states: inside quotes, or outside.

    ``inside`` is the state at its end, ``commas`` the number of separators. With an error,
    ``error_at`` is the place of the quote or the character that does not fit, and ``inside`` means
    nothing.
    """

    inside: bool
    commas: int
    error_at: int | None = None
    reason: str = ""


def read_line(line: str, *, inside: bool) -> Reading:
    """Read a line that begins inside or outside quotes, up to its first error."""
    at = commas = 0
    while True:
        if not inside and line.startswith('"', at):
            inside, at = True, at + 1
            continue
        place, at, reason = _field_end(line, at, inside=inside)
        if inside and at > len(line):
            return Reading(True, commas)
        if _END.match(line, at):
            return Reading(False, commas)
        if not line.startswith(",", at):
            return Reading(inside, commas, place, reason)
        inside, at, commas = False, at + 1, commas + 1


def _field_end(line: str, at: int, *, inside: bool) -> tuple[int, int, str]:
    """Return the place of the last character of note, the end, and what is wrong if no comma is.

    The end lies beyond the line if the quote is not closed in it.
    """
    found = (_QUOTED if inside else _PLAIN).match(line, at)
    assert found  # both also match nothing  # noqa: S101
    place = found.end()
    if inside:
        return place, place + 1, AFTER_QUOTE
    return place, place, STRAY_QUOTE if line.startswith('"', place) else STRAY_RETURN


def stands_alone(line: str, reading: Reading) -> bool:
    """Return True if the error tells nothing about the lines around it.

    That is an odd number of quotes inside words, such as an inch sign: they neither open nor close
    a field. Spaces before a quote may come before a field that somebody meant to quote.
    """
    if reading.reason == STRAY_RETURN:
        return True
    if reading.reason != STRAY_QUOTE or reading.error_at is None:
        return False
    quotes = _QUOTES.match(line, reading.error_at)
    before = line[: reading.error_at].rpartition(",")[2]
    return quotes is not None and len(quotes[0]) % 2 == 1 and bool(before.strip())
