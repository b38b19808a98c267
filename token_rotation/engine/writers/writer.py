"""The interface of what fills in an UPDATE.

It serves the UPDATEs of one connection.
"""

from __future__ import annotations

from typing import Protocol

from token_rotation.engine.writers.assignment import Assignment, Evaluated
from token_rotation.selection.key_range import KeyRange


class Writer(Protocol):
    """The source of values for a connection's UPDATEs.

    Driver errors pass through.
    """

    @property
    def updates_ranges(self) -> bool:
        """Return True where ``for_range`` may be called."""

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Make the values for the next ``for_rows`` of this range.

        Call it with no transaction open.

        Raises TokenSourceError.
        """

    def for_range(self) -> Evaluated:
        """Return the values to UPDATE all of a range.

        The UPDATE changes all pending rows and waits for locked ones.
        """

    def for_rows(self, keys: KeyRange, batch_rows: int | None) -> Assignment:
        """Return the values to UPDATE up to ``batch_rows`` free rows.

        None: all in the range. Raises TokenSourceError.
        """

    def for_one_row(self) -> Assignment:
        """Return the values to UPDATE one row.

        Raises TokenSourceError.
        """

    def written(self, rows: int) -> None:
        """Note the number of rows that an UPDATE has written.

        The UPDATE is of ``for_range`` or ``for_rows``.
        """
