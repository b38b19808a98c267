"""Find the rows for which a batch fails, and rotate the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg2

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.postgres.failures import fault_of
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.postgres.sqlstate import Fault
from token_rotation.selection.key_range import KeyRange

TRIES_OF_ONE_ROW = 10
REFUSED_IN_A_ROW = 100
NOTHING = BatchOutcome(0)


class Isolation:
    """Halves of a range, until the row that fails is alone.

    ``rotate`` is the ordinary way to rotate a half. A row alone gets another token a few times if
    its token was a duplicate. If it fails then, or for another reason, ``refusals`` learn of it.

    Where REFUSED_IN_A_ROW rows were refused and none changed, the lower half stays untried from
    then on: a batch costs a look at its end, and no longer a transaction for each row. The next row
    that changes ends that.

    ``ended`` tells that the rest should stay as it is.
    """

    def __init__(
        self,
        update: RangeUpdate,
        pending: PendingRows,
        refusals: Refusals,
        *,
        rotate: Callable[[KeyRange, int | None], BatchOutcome],
        ended: Callable[[], bool],
    ) -> None:
        self._update = update
        self._pending = pending
        self._refusals = refusals
        self._rotate = rotate
        self._ended = ended
        self._refused_in_a_row = 0

    def row_was_changed(self) -> None:
        """Note that not every row is refused."""
        self._refused_in_a_row = 0

    def rotate_halves(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        """Rotate all rows of the range but those that fail. Other errors pass through."""
        rows = self._pending.count(keys)
        if self._ended():
            return BatchOutcome(0, untried_rows=rows)
        if rows <= 1:
            return self._rotate_alone(keys)
        lower = self._pending.first_part(keys, rows // 2)
        done = BatchOutcome(0, untried_rows=rows // 2)
        if self._refused_in_a_row < REFUSED_IN_A_ROW:
            done = self._part(lower, limit_rows)
        if limit_rows is not None:
            limit_rows -= done.rotated_rows
            if limit_rows == 0:
                return done
        return done + self._part(replace(keys, after=lower.upper), limit_rows)

    def _part(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        done = self._rotate(keys, limit_rows)
        if done.rotated_rows:
            self.row_was_changed()
        return done

    def _rotate_alone(self, keys: KeyRange) -> BatchOutcome:
        row = self._pending.first(keys)
        if row is None:
            return NOTHING
        alone = replace(keys, exactly=row.key)
        try:
            return retry_at_once(
                lambda: self._update.free_rows(alone, batch_rows=1),
                on=Fault.DUPLICATE_TOKEN,
                tries=TRIES_OF_ONE_ROW,
            )
        except psycopg2.Error as error:
            if fault_of(error) not in {Fault.DUPLICATE_TOKEN, Fault.REFUSED_ROW}:
                raise
            self._refused_in_a_row += 1
            self._refusals.add(row, error)
            return BatchOutcome(0, refused_rows=1)
