"""The interface of every kind of token.

It serves the UPDATEs of one connection.
"""

from __future__ import annotations

from typing import Protocol

from token_rotation.engine.token_writers.assignment import Assignment, EvaluatedToken
from token_rotation.selection.key_range import KeyRange


class TokenWriter(Protocol):
    """The source of tokens for a connection's UPDATEs.

    Driver errors pass through.
    """

    @property
    def updates_ranges(self) -> bool:
        """Return True where ``for_range`` may be called."""

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Make the tokens for the next ``for_rows`` of this range.

        Call it with no transaction open.

        Raises TokenSourceError.
        """

    def for_range(self) -> EvaluatedToken:
        """Return the tokens to UPDATE all of a range.

        The UPDATE changes all pending rows and waits for locked ones.
        """

    def for_rows(self, keys: KeyRange, batch_rows: int | None) -> Assignment:
        """Return the tokens to UPDATE up to ``batch_rows`` free rows.

        None: all in the range. Raises TokenSourceError.
        """

    def for_one_row(self) -> Assignment:
        """Return the token to UPDATE one row.

        Raises TokenSourceError.
        """

    def written(self, rows: int) -> None:
        """Note the number of tokens that an UPDATE has written.

        The UPDATE is of ``for_range`` or ``for_rows``.
        """
