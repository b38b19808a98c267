"""Rotate one key range, with retries.

Count what commits, and report it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

from token_rotation.engine.batches.batch import BatchRunner
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.first_row import Fate, FirstRow
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.range_update import RangeUpdate
from token_rotation.engine.batches.refusals import Refusals
from token_rotation.engine.row_limit import RowLimit
from token_rotation.errors import RotationError
from token_rotation.events import BatchDone, Observer, Remark
from token_rotation.notify.announcements import Announcements
from token_rotation.pacing.worker_pace import WorkerPace
from token_rotation.postgres.retrying import LastingFaultError, RetryLoop
from token_rotation.selection.key_range import KeyRange


class RangeRotation:
    """The rotation of the ranges that one worker has taken.

    It can also wait for the first row of one.
    """

    def __init__(
        self,
        batches: BatchRunner,
        update: RangeUpdate,
        *,
        pending: PendingRows,
        announcements: Announcements,
        retrying: RetryLoop,
        pace: WorkerPace,
        row_limit: RowLimit,
        refusals: Refusals,
        observe: Observer,
        clock: Callable[[], float],
    ) -> None:
        self._batches = batches
        self._update = update
        self._pending = pending
        self._announcements = announcements
        self._retrying = retrying
        self._pace = pace
        self._row_limit = row_limit
        self._refusals = refusals
        self._observe = observe
        self._clock = clock
        self._began_at = 0.0  # the last try
        self._has_checked = False

    def check_next(self) -> None:
        """Look whether the change of the next batch sticks."""
        self._has_checked = False

    def rotate(self, keys: KeyRange, batch_rows: int) -> BatchOutcome:
        """Rotate a range with ``batch_rows`` taken from the row limit.

        What has committed counts, also when something after it fails for good: the second part of
        a batch, or the look at what is left of it. Raises what RetryLoop raises.
        """
        keys = self._without_refused(keys)
        before_rows = self._update.committed_rows
        try:
            outcome = self._retried(partial(self._try, keys, batch_rows, before_rows))
        except RotationError:
            done_rows = self._update.committed_rows - before_rows
            self._row_limit.give_back(batch_rows - done_rows)
            if done_rows:
                self._tell(keys, done_rows, since=self._began_at)
            raise
        finally:
            self._announcements.send()
        return outcome

    def _retried(self, attempt: Callable[[], BatchOutcome]) -> BatchOutcome:
        """Retry; where the batch fails all the time, look for the rows that it fails for."""
        try:
            return self._retrying.run(attempt, do_less=self._pace.timed_out)
        except LastingFaultError as error:
            self._observe(Remark(f"{error}. Looking for the rows for which it fails."))
            self._batches.blame_rows()
            return self._retrying.run(attempt, do_less=self._pace.timed_out)

    @contextmanager
    def first_row(self, keys: KeyRange, wait_seconds: float) -> Iterator[FirstRow]:
        """Rotate a range's first pending row; wait up to ``wait_seconds``.

        ``rotate`` does the waiting. A row that others keep queueing for is never free when a pass
        looks. The caller sends the announcement afterwards, from a thread that stays.
        """
        keys = self._without_refused(keys)
        taken_rows = self._row_limit.take(1)
        is_rotated = False
        try:
            with self._update.first_row(keys, wait_seconds, self._clock) as row:
                yield row
            is_rotated = row.fate is Fate.ROTATED
        finally:
            if not is_rotated:
                self._row_limit.give_back(taken_rows)
        if is_rotated:
            self._tell(keys, 1, since=row.locked_at)

    def _try(self, keys: KeyRange, batch_rows: int, before_rows: int) -> BatchOutcome:
        """Rotate once; ``before_rows`` had committed before the first try.

        After a time-out batches are smaller. Then a try rotates only the first part of the range,
        and leaves the rest to the next pass.
        """
        done_rows = self._update.committed_rows - before_rows  # by earlier tries
        if self._pace.full_batch_rows < batch_rows:
            keys = self._pending.first_part(keys, self._pace.full_batch_rows)
        limit_rows = batch_rows - done_rows if self._row_limit.is_limited else None
        rotate = self._batches.rotate if self._has_checked else self._batches.rotate_and_check
        self._began_at = self._clock()
        with self._pace.batch():
            outcome = rotate(keys, limit_rows)
        self._has_checked = True
        return self._done(keys, batch_rows, outcome, done_rows)

    def _done(
        self, keys: KeyRange, batch_rows: int, outcome: BatchOutcome, done_rows: int
    ) -> BatchOutcome:
        """Count a batch with the ``done_rows`` of its earlier tries."""
        seconds = self._clock() - self._began_at
        total = outcome + BatchOutcome(done_rows)
        self._row_limit.give_back(batch_rows - total.rotated_rows)
        self._refusals.note(outcome)
        if not outcome.refused_rows:  # that took statements of its own
            self._pace.learn(outcome.rotated_rows, seconds)
        self._pace.batch_done(total.rotated_rows, self._began_at)
        self._observe(
            BatchDone(
                keys,
                total.rotated_rows,
                total.skipped_rows,
                seconds,
                self._pace.batch_rows,
                giving_way_because=self._pace.giving_way_because,
            )
        )
        return total

    def _without_refused(self, keys: KeyRange) -> KeyRange:
        excluded = self._refusals.excluded
        return replace(keys, without=excluded) if excluded else keys

    def _tell(self, keys: KeyRange, rows: int, *, since: float) -> None:
        """Report rows that do not count for the batch size."""
        seconds = self._clock() - since
        self._observe(BatchDone(keys, rows, 0, seconds, self._pace.full_batch_rows))
