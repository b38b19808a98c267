"""What every kind of token does for the UPDATEs of one connection."""

from __future__ import annotations

from typing import Protocol

from token_rotation.engine.token_writers.assignment import Assignment, EvaluatedToken
from token_rotation.selection.key_range import KeyRange


class TokenWriter(Protocol):
    """Gives each UPDATE of a connection its tokens. Driver errors pass through."""

    @property
    def updates_ranges(self) -> bool:
        """True where ``for_range`` may be called."""

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Make now, with no transaction open, what the next ``for_rows`` of this range needs.

        Raises TokenSourceError.
        """

    def for_range(self) -> EvaluatedToken:
        """The tokens of an UPDATE of all pending rows in a range, which waits for locked ones."""

    def for_rows(self, keys: KeyRange, batch_rows: int | None) -> Assignment:
        """The tokens of an UPDATE of up to ``batch_rows`` free rows; None: all in the range.

        Raises TokenSourceError.
        """

    def for_one_row(self) -> Assignment:
        """The token of an UPDATE of one row. Raises TokenSourceError."""

    def written(self, rows: int) -> None:
        """Note that an UPDATE of ``for_range`` or ``for_rows`` has written ``rows`` tokens."""
