"""Find the rows for which a chunk fails, and import the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from django.db import DatabaseError

from tickets.importing.errors import RefusedError
from tickets.importing.refusal import SessionLostError, concerns_rows, may_concern_rows, reason_for
from tickets.importing.retries import Tries
from tickets.importing.row import Row

COSTLY_IN_A_ROW = 10
TRIES_OF_A_LOSS = 3

WHOLE = Tries(slow_seconds=0.0)
"""A statement that is too slow is not repeated: its halves are sooner done."""

ALONE = Tries(attempts=3, slow_seconds=0.0)
PART = replace(ALONE, patience=0.25)
"""A part is done in less than the time for a whole chunk, or divided at no loss."""


class Isolation:
    """Halves of a chunk, until the row that fails is alone.

    ``write`` imports rows in one transaction, of the alias ``database``. ``refused`` hears of a row
    that fails alone, and why. ``ended`` tells that the rest of the chunk should stay as it is.

    Some errors may also pass, or be of the whole chunk: a statement that took too long, the loss of
    the session, what a trigger says of a lock. After them, the parts are tried for a short time
    only; so are all later chunks, once a row was to blame. After COSTLY_IN_A_ROW such rows, and
    none imported between them, the import ends.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Row], Tries], None],
        database: str,
        *,
        refused: Callable[[Row, str], None],
        ended: Callable[[], bool],
    ) -> None:
        self._write = write
        self._refused = refused
        self._ended = ended
        self._database = database
        self._has_blamed = False
        self._costly_in_a_row = 0

    def do(self, chunk: Sequence[Row]) -> None:
        """Import all rows of a chunk but those that fail.

        Raises the database errors that are of no row, and RefusedError.
        """
        pieces = [chunk]
        are_parts = self._has_blamed
        while pieces and not self._ended():
            piece = pieces.pop()
            error = self._error_of(piece, is_part=are_parts)
            if error is None:
                self._costly_in_a_row = 0
                continue
            if self._ended():  # it may be the end's own error
                return
            are_parts = are_parts or not concerns_rows(error)
            middle = len(piece) // 2
            if middle:
                pieces += [piece[middle:], piece[:middle]]
            else:
                self._refuse(piece[0], error)

    def _error_of(self, piece: Sequence[Row], *, is_part: bool) -> DatabaseError | None:
        """Import rows; return why they are not, where one of them may be the reason."""
        is_alone = len(piece) == 1
        tries = WHOLE if not is_part else ALONE if is_alone else PART
        for left in reversed(range(TRIES_OF_A_LOSS if is_alone else 1)):
            try:
                self._write(piece, tries)
            except DatabaseError as error:
                if not may_concern_rows(error):
                    raise
                if left == 0 or not isinstance(error, SessionLostError):
                    return error
            else:
                return None
        raise AssertionError("the last try returns")

    def _refuse(self, row: Row, error: DatabaseError) -> None:
        reason = reason_for(error, self._database, tries=TRIES_OF_A_LOSS)
        self._refused(row, reason)
        is_costly = not concerns_rows(error)
        self._has_blamed = self._has_blamed or is_costly
        self._costly_in_a_row += is_costly
        if self._costly_in_a_row == COSTLY_IN_A_ROW:
            raise RefusedError(
                f"the database refused {COSTLY_IN_A_ROW} tickets, and took none between them, the"
                f" last in line {row.line}: {reason}. Others may be in the way"
            )
