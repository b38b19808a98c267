"""Rotate the pending rows of one key range, despite traffic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.isolation import Isolation
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.postgres import driver
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.key_range import KeyRange

BATCHES_WITHOUT_A_WAIT = 20


class BatchRunner:
    """The choice of the UPDATE for each key range.

    When traffic is in the way of one UPDATE, another one follows. ``aborted`` tells a statement
    that the operator cancelled from one that took too long. ``row_patience`` multiplies the time
    that a row alone may show no sign of life. Driver errors that another UPDATE does not mend pass
    through.
    """

    def __init__(
        self,
        update: RangeUpdate,
        pending: PendingRows,
        refusals: Refusals,
        *,
        aborted: Callable[[], bool],
        ended: Callable[[], bool],
        row_patience: float = 1.0,
    ) -> None:
        self._update = update
        self._pending = pending
        self._aborted = aborted
        self._isolation = Isolation(
            update,
            pending,
            refusals,
            attempt=self._update_once,
            ended=ended,
            row_patience=row_patience,
        )
        self._batches_without_a_wait = 0

    @property
    def committed_rows(self) -> int:
        """Return the number of rows committed since the start.

        They count whatever failed after that.
        """
        return self._update.committed_rows

    def blame_rows(self) -> None:
        """Halve the next range at once, and leave out rows whose errors might pass, too."""
        self._isolation.blame_rows()

    def rotate(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        """Rotate the range; skip rows that stay locked.

        Rows are skipped when others lock them for longer than the lock timeout.

        With ``limit_rows`` no more rows than that change, also when others have become pending in
        the range since. Without it the UPDATE of the whole range comes first. When that takes too
        long, the next batches do not wait for anybody. A row that PostgreSQL refuses, or a
        duplicate token, fails a whole statement. Then the range is halved until that row is alone.
        """
        return self._isolation.rotate(keys, limit_rows)

    def _update_once(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        if self._skips_locked() or limit_rows is not None:
            return self._update.free_rows(keys, limit_rows)
        try:
            return self._update.whole_range(keys)
        except driver.Error as error:
            fault = fault_of(error)
            if fault is Fault.TIMED_OUT and not self._aborted():
                self._batches_without_a_wait = BATCHES_WITHOUT_A_WAIT
                return self._update.free_rows(keys, None)
            if fault is Fault.LOCKED:
                return self._update.free_rows(keys, None)
            raise

    def rotate_and_check(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        """Rotate as ``rotate`` does, and check that the change stuck.

        Counts what really changed. Slower by two counts of the range.
        """
        self._update.prepare(keys, limit_rows)
        before_rows = self._pending.count(keys)
        outcome = self.rotate(keys, limit_rows)
        changed_rows = before_rows - self._pending.count(keys)
        if changed_rows >= outcome.rotated_rows:
            return outcome
        return replace(outcome, rotated_rows=max(0, changed_rows), did_not_stick=True)

    def _skips_locked(self) -> bool:
        """Return True when this batch skips locked rows at once."""
        if self._batches_without_a_wait == 0:
            return not self._update.updates_whole_ranges
        self._batches_without_a_wait -= 1
        return True
