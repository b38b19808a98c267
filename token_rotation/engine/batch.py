"""One batch: rotate the pending rows of one key range, whoever else is using them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg2

from token_rotation.engine.batch_outcome import BatchOutcome
from token_rotation.engine.first_row import FirstRow, first_row_of
from token_rotation.engine.pending_rows import PendingRows
from token_rotation.engine.row_update import ChangedRows, RowUpdate
from token_rotation.engine.token_writers.assignment import Assignment
from token_rotation.engine.token_writers.choose import token_writer
from token_rotation.notify.announcements import Announcements
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.failures import fault_of
from token_rotation.postgres.retrying import retry_at_once
from token_rotation.postgres.sqlstate import Fault
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql.pending import values_of

TRIES_OF_ONE_ROW = 10
UPDATE_RANGE_AT_MOST_MS = 500
BATCHES_WITHOUT_A_WAIT = 20


class BatchRunner:
    """Rotates key ranges on one connection, each in one short transaction.

    ``aborted`` tells a statement that the operator cancelled from one that took too long. With
    ``independent_tokens`` no token shares digits with its neighbours (``token_writers.prefixed``).
    Driver errors other than those handled here pass through, with the transaction rolled back.
    ``committed_rows`` counts what has committed since the start, whatever failed after that.
    """

    def __init__(
        self,
        connection: Connection,
        target: Target,
        *,
        pending: PendingRows,
        announcements: Announcements,
        lock_timeout_ms: int,
        aborted: Callable[[], bool],
        independent_tokens: bool = False,
    ) -> None:
        self._connection = connection
        self._target = target
        self._pending = pending
        self._announcements = announcements
        self._lock_timeout_ms = lock_timeout_ms
        self._aborted = aborted
        self._writer = token_writer(
            connection, target, pending, independent_tokens=independent_tokens
        )
        self._row_update = RowUpdate(connection, target)
        self._batches_without_a_wait = 0
        self.committed_rows = 0

    def rotate(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        """Rotate the range; skip rows that others lock for longer than the lock timeout.

        With ``limit_rows`` no more rows than that change, also when others have become pending in
        the range since. Without it the UPDATE of the whole range comes first, because it is the
        fastest. It waits for one row after the other, so its time is bounded too, well below the
        deadlock_timeout of traffic that waits for it. A statement that may take longer must not
        wait for anybody. A duplicate token fails a whole statement, so the range is halved until
        the row is alone, and that row is tried again.
        """
        if self._skips_locked() or limit_rows is not None:
            return self._update_free_rows_or_halves(keys, limit_rows)
        try:
            return self._update_range(keys)
        except psycopg2.Error as error:
            fault = fault_of(error)
            if fault is Fault.TIMED_OUT and not self._aborted():
                self._batches_without_a_wait = BATCHES_WITHOUT_A_WAIT
                return self._update_free_rows_or_halves(keys, None)
            if fault is Fault.LOCKED:
                return self._update_free_rows_or_halves(keys, None)
            if fault is Fault.DUPLICATE_TOKEN:
                return self._rotate_halves(keys, None)
            raise

    def rotate_and_check(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        """Rotate as ``rotate`` does, and look whether the change stuck; count what really changed.

        Slower by two counts of the range.
        """
        self._writer.prepare(keys, limit_rows)
        before_rows = self._pending.count(keys)
        outcome = self.rotate(keys, limit_rows)
        changed_rows = before_rows - self._pending.count(keys)
        if changed_rows >= outcome.rotated_rows:
            return outcome
        return BatchOutcome(max(0, changed_rows), outcome.skipped_rows, did_not_stick=True)

    @contextmanager
    def first_row(
        self, keys: KeyRange, wait_seconds: float, clock: Callable[[], float]
    ) -> Iterator[FirstRow]:
        """The range's first pending row, for which ``rotate`` waits up to ``wait_seconds``."""
        first = self._pending.first_part(keys, 1)
        with first_row_of(
            self._connection,
            self._target,
            first,
            self._writer.for_one_row(),
            wait_seconds=wait_seconds,
            row_update=self._row_update,
            clock=clock,
        ) as row:
            yield row
        self._committed(row.changed)

    def _skips_locked(self) -> bool:
        """Return True when this batch shall skip locked rows from the start."""
        if self._batches_without_a_wait == 0:
            return not self._writer.updates_ranges
        self._batches_without_a_wait -= 1
        return True

    def _update_range(self, keys: KeyRange) -> BatchOutcome:
        tokens = self._writer.for_range()
        query = statements.together(
            statements.LIMIT_STATEMENT, statements.bounded(tokens.update_range(keys))
        )
        values = {
            **tokens.values,
            **values_of(self._target, keys),
            "lock_timeout_ms": self._lock_timeout_ms,
            "statement_timeout_ms": UPDATE_RANGE_AT_MOST_MS,
        }
        changed = self._row_update.run(query, values)
        self._writer.written(changed.rows)
        return BatchOutcome(self._committed(changed))

    def _update_free_rows_or_halves(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        try:
            return self._update_free_rows(keys, limit_rows)
        except psycopg2.Error as error:
            if fault_of(error) is Fault.DUPLICATE_TOKEN:
                return self._rotate_halves(keys, limit_rows)
            raise

    def _update_free_rows(self, keys: KeyRange, batch_rows: int | None) -> BatchOutcome:
        """Rotate the first ``batch_rows`` rows that nobody else locks; None: all of them."""
        tokens = self._writer.for_rows(keys, batch_rows)
        rows = self._give(tokens, keys, batch_rows)
        if batch_rows is None and rows == tokens.rows:
            return BatchOutcome(rows)  # as many as were pending
        return BatchOutcome(rows, self._pending.count(keys))

    def _give(self, tokens: Assignment, keys: KeyRange, batch_rows: int | None) -> int:
        """How many free rows got a token."""
        if tokens.rows == 0:
            return 0
        query = tokens.update_free_rows(keys)
        values = {
            **tokens.values,
            **values_of(self._target, keys),
            "lock_timeout_ms": self._lock_timeout_ms,
            "batch_rows": batch_rows if tokens.rows is None else tokens.rows,
        }
        if tokens.settings:
            settings = (statements.LIMIT_LOCK_WAIT, statements.READ_IN_KEY_ORDER, *tokens.settings)
            with self._connection.transaction(*settings, values=values):
                changed = self._row_update.run(query, values)
        else:
            changed = self._row_update.run(statements.bounded(query), values)
        self._writer.written(changed.rows)
        return self._committed(changed)

    def _rotate_halves(self, keys: KeyRange, limit_rows: int | None) -> BatchOutcome:
        rows = self._pending.count(keys)
        if rows <= 1:
            return retry_at_once(
                lambda: self._update_free_rows(keys, batch_rows=1),
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

    def _committed(self, changed: ChangedRows) -> int:
        """Count what has just committed, and keep the keys for the announcement."""
        self.committed_rows += changed.rows
        self._announcements.add(changed.keys)
        return changed.rows
