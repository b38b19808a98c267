"""One batch: rotate the pending rows of one key range, whoever else is using them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import psycopg2

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.postgres.failures import fault_of
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.postgres.sqlstate import Fault
from token_rotation.selection.key_range import KeyRange

TRIES_OF_ONE_ROW = 10
BATCHES_WITHOUT_A_WAIT = 20


class BatchRunner:
    """Chooses the UPDATE for each key range, and another one when traffic is in its way.

    ``aborted`` tells a statement that the operator cancelled from one that took too long. Driver
    errors that another UPDATE does not mend pass through.
    """

    def __init__(
        self, update: RangeUpdate, pending: PendingRows, *, aborted: Callable[[], bool]
    ) -> None:
        self._update = update
        self._pending = pending
        self._aborted = aborted
        self._batches_without_a_wait = 0

    @property
    def committed_rows(self) -> int:
        """Rows that have committed since the start, whatever failed after that."""
        return self._update.committed_rows

    def rotate(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        """Rotate the range; skip rows that others lock for longer than the lock timeout.

        With ``limit_rows`` no more rows than that change, also when others have become pending in
        the range since. Without it the UPDATE of the whole range comes first. When that takes too
        long, the next batches do not wait for anybody. A duplicate token fails a whole statement,
        so the range is halved until the row is alone, and that row is tried again.
        """
        if self._skips_locked() or limit_rows is not None:
            return self._rotate_free_rows(keys, limit_rows)
        try:
            return self._update.whole_range(keys)
        except psycopg2.Error as error:
            fault = fault_of(error)
            if fault is Fault.TIMED_OUT and not self._aborted():
                self._batches_without_a_wait = BATCHES_WITHOUT_A_WAIT
                return self._rotate_free_rows(keys, None)
            if fault is Fault.LOCKED:
                return self._rotate_free_rows(keys, None)
            if fault is Fault.DUPLICATE_TOKEN:
                return self._rotate_halves(keys, None)
            raise

    def rotate_and_check(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        """Rotate as ``rotate`` does, and look whether the change stuck; count what really changed.

        Slower by two counts of the range.
        """
        self._update.prepare(keys, limit_rows)
        before_rows = self._pending.count(keys)
        outcome = self.rotate(keys, limit_rows)
        changed_rows = before_rows - self._pending.count(keys)
        if changed_rows >= outcome.rotated_rows:
            return outcome
        return BatchOutcome(max(0, changed_rows), outcome.skipped_rows, did_not_stick=True)

    def _skips_locked(self) -> bool:
        """Return True when this batch shall skip locked rows from the start."""
        if self._batches_without_a_wait == 0:
            return not self._update.updates_whole_ranges
        self._batches_without_a_wait -= 1
        return True

    def _rotate_free_rows(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        try:
            return self._update.free_rows(keys, limit_rows)
        except psycopg2.Error as error:
            if fault_of(error) is Fault.DUPLICATE_TOKEN:
                return self._rotate_halves(keys, limit_rows)
            raise

    def _rotate_halves(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        rows = self._pending.count(keys)
        if rows <= 1:
            return retry_at_once(
                lambda: self._update.free_rows(keys, batch_rows=1),
                on=Fault.DUPLICATE_TOKEN,
                tries=TRIES_OF_ONE_ROW,
            )
        lower = self._pending.first_part(keys, rows // 2)
        done = self.rotate(lower, limit_rows)
        if limit_rows is not None:
            limit_rows -= done.rotated_rows
            if limit_rows == 0:
                return done
        return done + self.rotate(replace(keys, after=lower.upper), limit_rows)
