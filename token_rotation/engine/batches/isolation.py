"""Find the rows for which a batch fails, and rotate the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg2

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.postgres.faults.failures import fault_of, is_met_by_function
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.selection.key_range import KeyRange

TRIES_OF_ONE_ROW = 10
REFUSED_IN_A_ROW = 100
_OF_SOME_ROW = {Fault.DUPLICATE_TOKEN, Fault.REFUSED_ROW}


class Isolation:
    """Halves of a range, until the row that fails is alone.

    ``attempt`` is one UPDATE of a range. A row alone gets another token a few times if its token
    was a duplicate. If it fails then, or for another reason, ``refusals`` learn of it.

    Where REFUSED_IN_A_ROW rows were refused and none changed, the lower half stays untried from
    then on: a batch costs a look at its end, and no longer a transaction for each row. The next row
    that changes ends that.

    ``ended`` tells that the rest should stay as it is. With ``blames_rows`` a row counts as refused
    for any error that a function met, also one that might pass.
    """

    def __init__(
        self,
        update: RangeUpdate,
        pending: PendingRows,
        refusals: Refusals,
        *,
        attempt: Callable[[KeyRange, int | None], BatchOutcome],
        ended: Callable[[], bool],
    ) -> None:
        self._update = update
        self._pending = pending
        self._refusals = refusals
        self._attempt = attempt
        self._ended = ended
        self.refused_in_a_row = 0
        self.blames_rows = False

    def rotate(
        self, keys: KeyRange, limit_rows: int | None, rows: int | None = None
    ) -> BatchOutcome:
        """Rotate all rows of the range but those that fail.

        About ``rows`` are pending in it; None where that is not known. Other errors pass through.
        """
        try:
            done = self._attempt(keys, limit_rows)
        except psycopg2.Error as error:
            if not self._is_of_some_row(error):
                raise
            fault = Fault.REFUSED_ROW if self.blames_rows else fault_of(error)
            rows = self._pending.count(keys) if rows is None else rows
            return self._rotate_halves(keys, limit_rows, rows, fault)
        if done.rotated_rows:
            self.refused_in_a_row = 0
        return done

    def _is_of_some_row(self, error: psycopg2.Error) -> bool:
        is_blamed = self.blames_rows and not self._ended() and is_met_by_function(error)
        return is_blamed or fault_of(error) in _OF_SOME_ROW

    def _rotate_halves(
        self, keys: KeyRange, limit_rows: int | None, rows: int, fault: Fault
    ) -> BatchOutcome:
        """Rotate the halves of a range that met ``fault`` as a whole."""
        if self._ended():
            return BatchOutcome(0, untried_rows=rows)
        if rows <= 1:
            return self._rotate_alone(keys)
        lower_rows = rows // 2
        lower = self._pending.first_part(keys, lower_rows)
        upper = replace(keys, after=lower.upper)
        if self.refused_in_a_row >= REFUSED_IN_A_ROW:
            return BatchOutcome(0, untried_rows=lower_rows) + self.rotate(
                upper, limit_rows, rows - lower_rows
            )
        done = self.rotate(lower, limit_rows, lower_rows)
        if limit_rows is not None:
            limit_rows -= done.rotated_rows
            if limit_rows == 0:
                return done
        elif fault is Fault.REFUSED_ROW and done.rotated_rows == lower_rows:
            # The refused row is in the other half, which would fail as a whole, too.
            return done + self._rotate_halves(upper, None, rows - lower_rows, fault)
        return done + self.rotate(upper, limit_rows, rows - lower_rows)

    def _rotate_alone(self, keys: KeyRange) -> BatchOutcome:
        row = self._pending.first(keys)
        if row is None:
            return BatchOutcome(0)
        alone = replace(keys, exactly=row.key)
        try:
            done = retry_at_once(
                lambda: self._update.free_rows(alone, batch_rows=1),
                on=Fault.DUPLICATE_TOKEN,
                tries=TRIES_OF_ONE_ROW,
            )
        except psycopg2.Error as error:
            if not self._is_of_some_row(error):
                raise
            self.refused_in_a_row += 1
            self._refusals.add(row, error)
            return BatchOutcome(0, refused_rows=1)
        if done.rotated_rows:
            self.refused_in_a_row = 0
        return done
