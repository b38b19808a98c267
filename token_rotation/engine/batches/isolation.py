"""Find the rows for which a batch fails, and rotate the others."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import PendingRow, Refusals
from token_rotation.postgres import driver
from token_rotation.postgres.faults.failures import (
    fault_of,
    is_met_by_function,
    is_session_lost,
    reason_of,
)
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.postgres.retrying import is_too_slow, retry_at_once
from token_rotation.postgres.silence.errors import StillAliveError
from token_rotation.selection.key_range import KeyRange

TRIES_OF_ONE_ROW = 10
TRIES_OF_A_LOSS = 3
REFUSED_IN_A_ROW = 100
COSTLY_IN_A_ROW = 10
PART_TAKES = 0.25
"""Of the time for a whole batch: a part of it is done sooner, or divided at no loss."""

_OF_SOME_ROW = {Fault.DUPLICATE_TOKEN, Fault.REFUSED_ROW}


class Isolation:
    """Halves of a range, until the row that fails is alone.

    ``attempt`` is one UPDATE of a range. A row alone gets another token a few times if its token
    was a duplicate. If it fails then, or for another reason, ``refusals`` learn of it.

    Where REFUSED_IN_A_ROW rows were refused and none changed, the lower half stays untried from
    then on: a batch costs a look at its end, and no longer a transaction for each row. The next row
    that changes ends that.

    ``ended`` tells that the rest should stay as it is. Where rows are blamed, a row counts as
    refused also for an error that might pass: any that a function met, a statement that took too
    long, and the loss of the connection, three times. Alone it has
    ``row_patience`` times the usual time. After COSTLY_IN_A_ROW of the last two, the rotation ends.
    """

    def __init__(
        self,
        update: RangeUpdate,
        pending: PendingRows,
        refusals: Refusals,
        *,
        attempt: Callable[[KeyRange, int | None], BatchOutcome],
        ended: Callable[[], bool],
        row_patience: float = 1.0,
    ) -> None:
        self._update = update
        self._pending = pending
        self._refusals = refusals
        self._attempt = attempt
        self._ended = ended
        self._row_patience = row_patience
        self._refused_in_a_row = self._costly_in_a_row = 0
        self._blames_rows = self._halves_next = False

    def blame_rows(self) -> None:
        """Halve the next range at once, and refuse rows for errors that might pass, too."""
        self._blames_rows = self._halves_next = True

    def rotate(
        self, keys: KeyRange, limit_rows: int | None, rows: int | None = None
    ) -> BatchOutcome:
        """Rotate all rows of the range but those that fail.

        About ``rows`` are pending in it; None where that is not known. Other errors pass through.
        """
        if rows is not None and self._ended():
            return BatchOutcome(0, untried_rows=rows)
        if self._halves_next:
            self._halves_next = False
            return self._rotate_halves(
                keys, limit_rows, self._pending.count(keys), Fault.REFUSED_ROW
            )
        try:
            with self._time_for(rows):
                done = self._attempt(keys, limit_rows)
        except driver.Error as error:
            if not self._is_of_some_row(error):
                raise
            fault = Fault.REFUSED_ROW if self._blames_rows else fault_of(error)
            rows = self._pending.count(keys) if rows is None else rows
            return self._rotate_halves(keys, limit_rows, rows, fault)
        self._note_change(done)
        return done

    def _is_of_some_row(self, error: driver.Error) -> bool:
        if fault_of(error) in _OF_SOME_ROW:
            return True
        is_stopped = self._ended() and not self._refusals.is_over
        is_blamed = self._blames_rows and not is_stopped
        return is_blamed and (is_met_by_function(error) or _is_costly(error))

    def _note_change(self, done: BatchOutcome) -> None:
        if done.rotated_rows:
            self._refused_in_a_row = self._costly_in_a_row = 0

    def _time_for(self, rows: int | None) -> AbstractContextManager[None]:
        """Let rows that are blamed be without a sign of life for a time that fits their number."""
        if not self._blames_rows:
            return nullcontext()
        part = 1.0 if rows is None else PART_TAKES
        return self._update.patience(part)

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
        if self._refused_in_a_row >= REFUSED_IN_A_ROW:
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
        for left in reversed(range(TRIES_OF_A_LOSS)):
            began_at = time.monotonic()
            try:
                done = self._try_alone(alone)
            except driver.Error as error:
                if not self._is_of_some_row(error):
                    raise
                if left == 0 or not is_session_lost(error):
                    return self._refuse(row, error, time.monotonic() - began_at)
            else:
                self._note_change(done)
                return done
            self._pending.count(alone)  # raises where it is the server that is not there
        raise AssertionError("the last try returns")

    def _try_alone(self, alone: KeyRange) -> BatchOutcome:
        time_for_one = (
            self._update.patience(self._row_patience) if self._blames_rows else nullcontext()
        )
        with time_for_one:
            return retry_at_once(
                lambda: self._update.free_rows(alone, batch_rows=1),
                on=Fault.DUPLICATE_TOKEN,
                tries=TRIES_OF_ONE_ROW,
            )

    def _refuse(self, row: PendingRow, error: driver.Error, seconds: float) -> BatchOutcome:
        is_new = self._refusals.add(row, self._reason(error, seconds))
        self._refused_in_a_row += is_new
        self._costly_in_a_row += is_new and _is_costly(error)
        if self._costly_in_a_row >= COSTLY_IN_A_ROW:
            self._refusals.end()
        return BatchOutcome(0, refused_rows=1)

    def _reason(self, error: driver.Error, seconds: float) -> str:
        if isinstance(error, StillAliveError):
            return f"its statement did not end in {error.seconds:g} s"
        if not is_session_lost(error):
            return reason_of(error)
        limit = self._update.why_lost(error, seconds)
        return limit or f"{TRIES_OF_A_LOSS} connections were lost at it ({reason_of(error)})"


def _is_costly(error: driver.Error) -> bool:
    return is_too_slow(error) or is_session_lost(error)
