"""Fresh tokens that share their first digits for a while, so that the token's index keeps up.

A random token goes to a random page of its index. Once that index is larger than the server's
buffers, every row costs a page that is read, a page that is written and, after each checkpoint,
a whole page of WAL. So on large tables a connection chooses the first hexadecimal digits of its
tokens, keeps them for a stretch of rows, and fills one slice of the index at a time.

What that costs in secrecy: who holds one token knows the first digits of those that were made
beside it, 4 bits each; for them a UUID has 106 of its 122 random bits left at the worst. To guess
*some* valid token gets no easier for those who know none, and hardly for those who do: all slices
come in a random order before any comes again, each time with a third of the rows that are its due.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from secrets import SystemRandom

from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

SLICED_EXPRESSION = "gen_random_uuid()"
PAGES_A_SLICE = 128
ROWS_A_PAGE = 64  # of some 200 that a page of the index holds
MOST_ROWS_A_BATCH = PAGES_A_SLICE * ROWS_A_PAGE
"""A larger batch, all of which goes to one slice, would crowd it."""
MOST_DIGITS = 4


def can_be_sliced(target: Target) -> bool:
    """Whether the first digits of the target's tokens may be chosen: UUIDs made by PostgreSQL."""
    source = target.token_source
    return isinstance(source, SqlTokens) and source.expression == SLICED_EXPRESSION


def digits_for(index_pages: int) -> int:
    """How many hexadecimal digits make a slice of at least 128 pages; 0 for small indexes."""
    digits = 0
    while digits < MOST_DIGITS and index_pages >= PAGES_A_SLICE * 16 ** (digits + 1):
        digits += 1
    return digits


class TokenSlice:
    """The slice of one connection: the next one as soon as its share of rows has gone there.

    ``index_pages`` is asked once, when the first digits are needed.
    """

    def __init__(self, index_pages: Callable[[], int]) -> None:
        self._index_pages = index_pages
        self._prefixes: Iterator[str] | None = None
        self._rows_a_slice = 0
        self._rows_left = 0
        self._prefix = ""

    def prefix(self) -> str:
        """The digits that the next tokens begin with; "" for tokens that share none."""
        if self._prefixes is None:
            pages = self._index_pages()
            digits = digits_for(pages)
            self._rows_a_slice = ROWS_A_PAGE * (pages >> 4 * digits)
            self._prefixes = _in_random_order(digits)
        if self._rows_left <= 0:
            self._prefix = next(self._prefixes)
            self._rows_left = self._rows_a_slice
        return self._prefix

    def used(self, rows: int) -> None:
        """Note that so many tokens were made there."""
        self._rows_left -= rows


def _in_random_order(digits: int) -> Iterator[str]:
    """Every prefix once, then every prefix once again, each time in another order."""
    count = 16**digits
    while True:
        for number in SystemRandom().sample(range(count), count):
            yield f"{number:0{digits}x}" if digits else ""
