"""Tokens that share first digits, so the index keeps up.

They share their first digits for a while, then change them.

A random token goes to a random page of its index. Once that index is larger than the server's
buffers, every row costs a page that is read and a page that is written. After each checkpoint, it
also costs a whole page of WAL. So on large tables a connection chooses the first hexadecimal digits
of its tokens and keeps them for a stretch of rows. It fills one slice of the index at a time.

The prefix costs some secrecy. Who holds a token knows the first digits of those made beside it, 4
bits each: at most two, so that 114 of a UUID's 122 random bits are left. Guessing *some* valid
token gets no easier for those who know none, and hardly easier for those who do. All slices come in
random order before any comes again, each time with a third of its fair part of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from secrets import SystemRandom

from token_rotation.engine.writers.assignment import Evaluated
from token_rotation.engine.writers.evaluated import ExpressionWriter
from token_rotation.selection.target import Target
from token_rotation.sql import tokens as tokens_sql

PREFIXED_EXPRESSION = "gen_random_uuid()"
PAGES_A_SLICE = 128
ROWS_A_PAGE = 64  # of some 200 that a page of the index holds
MOST_ROWS_A_BATCH = PAGES_A_SLICE * ROWS_A_PAGE
"""A larger batch, all of which goes to one slice, would crowd it."""
MOST_DIGITS = 2
"""So 114 of 122 random bits stay secret: never below 112, the least strength that NIST SP 800-57
part 1 allows."""


def can_have_prefix(expression: str) -> bool:
    """Return True where the first digits may be chosen.

    They may be for UUIDs that PostgreSQL makes.
    """
    return expression == PREFIXED_EXPRESSION


def digits_for(index_pages: int) -> int:
    """Return the number of hexadecimal digits for a prefix.

    They make slices of at least 128 pages. 0 for small indexes.
    """
    digits = 0
    while digits < MOST_DIGITS and index_pages >= PAGES_A_SLICE * 16 ** (digits + 1):
        digits += 1
    return digits


class PrefixedUuidWriter(ExpressionWriter):
    """UUIDs that share a prefix for a while.

    They are plain ones while the index is small.
    """

    def __init__(self, target: Target, index_pages: Callable[[], int]) -> None:
        super().__init__(target, PREFIXED_EXPRESSION)
        self._target = target
        self._prefix = TokenPrefix(index_pages)

    def for_range(self) -> Evaluated:
        prefix = self._prefix.current()
        if not prefix:
            return self._assignment
        token = tokens_sql.sets_token(self._target, tokens_sql.prefixed_uuid(self._target))
        return Evaluated(self._target, token, {"token_prefix": prefix})

    def written(self, rows: int) -> None:
        self._prefix.used(rows)


class TokenPrefix:
    """The token prefix of one connection.

    The next one comes as soon as this one has its share of rows.

    ``index_pages`` is asked once, when the first prefix is needed.
    """

    def __init__(self, index_pages: Callable[[], int]) -> None:
        self._index_pages = index_pages
        self._prefixes: Iterator[str] | None = None
        self._rows_a_prefix = self._rows_left = 0
        self._prefix = ""

    def current(self) -> str:
        """Return the digits that the next tokens begin with.

        "" for tokens that share none.
        """
        if self._prefixes is None:
            pages = self._index_pages()
            digits = digits_for(pages)
            self._rows_a_prefix = ROWS_A_PAGE * (pages >> 4 * digits)
            self._prefixes = _in_random_order(digits)
        if self._rows_left <= 0:
            self._prefix = next(self._prefixes)
            self._rows_left = self._rows_a_prefix
        return self._prefix

    def used(self, rows: int) -> None:
        """Note that ``rows`` tokens with the prefix were written."""
        self._rows_left -= rows


def _in_random_order(digits: int) -> Iterator[str]:
    """Yield every prefix once, then every prefix once again.

    Each time in another order.
    """
    count = 16**digits
    while True:
        for number in SystemRandom().sample(range(count), count):
            yield f"{number:0{digits}x}" if digits else ""
