"""The UPDATEs of a key range, and what they committed.

Each UPDATE is one short transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.first_row import FirstRow, first_row_of
from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.batches.row_update import ChangedRows, RowUpdate
from token_rotation.engine.batches.written_rows import WrittenRows
from token_rotation.engine.writers.assignment import Assignment
from token_rotation.engine.writers.writer import Writer
from token_rotation.notify.announcements import Announcements
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.session_timeouts import why_lost
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql.pending import values_of

UPDATE_RANGE_AT_MOST_MS = 500


class RangeUpdate:
    """UPDATEs of key ranges on one connection.

    Driver errors pass through; nothing was written then. ``committed_rows`` counts what has
    committed since the start. The keys go to ``announcements`` when they have committed.
    """

    def __init__(
        self,
        connection: Connection,
        target: MarkedTable,
        writer: Writer,
        *,
        pending: PendingRows,
        announcements: Announcements,
        lock_timeout_ms: int,
    ) -> None:
        self._connection = connection
        self._target = target
        self._writer = writer
        self._pending = pending
        self._announcements = announcements
        self._lock_timeout_ms = lock_timeout_ms
        self._row_update = RowUpdate(connection, target)
        self.updates_whole_ranges = writer.updates_ranges
        self.committed_rows = 0

    def check_rows(self, writer: Writer, written_rows: WrittenRows) -> None:
        """Compare rows with their tokens before each commit from now on.

        ``writer`` makes tokens that a transaction keeps.
        """
        self._writer = writer
        self.updates_whole_ranges = writer.updates_ranges
        self._row_update.check(written_rows)

    def patience(self, factor: float) -> AbstractContextManager[None]:
        """Multiply, inside, the time that an UPDATE may show no sign of life."""
        return self._connection.patience(factor)

    def why_lost(self, error: Exception, seconds: float) -> str | None:
        """Return the time limit that may have ended the session in work of ``seconds``."""
        loss = why_lost(self._connection, error, seconds)
        return None if loss is None else loss.reason

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Make tokens for the next ``free_rows`` of this range now.

        Raises TokenSourceError.
        """
        self._writer.prepare(keys, batch_rows)

    def whole_range(self, keys: KeyRange) -> BatchOutcome:
        """Update every pending row of the range, the fastest way.

        It waits for locked rows one after another. So its time is bounded too, well below the
        deadlock_timeout of traffic that waits for it.
        """
        tokens = self._writer.for_range()
        query = statements.together(
            statements.LIMIT_STATEMENT, statements.writing(tokens.update_range(keys))
        )
        values = {
            **tokens.values,
            **values_of(self._target, keys),
            "lock_timeout_ms": self._lock_timeout_ms,
            "statement_timeout_ms": UPDATE_RANGE_AT_MOST_MS,
        }
        return BatchOutcome(self._committed(self._row_update.run(query, values)))

    def free_rows(self, keys: KeyRange, batch_rows: int | None) -> BatchOutcome:
        """Update the first ``batch_rows`` rows that nobody else locks.

        None: all of them. Raises TokenSourceError.
        """
        tokens = self._writer.for_rows(keys, batch_rows)
        rows = self._give(tokens, keys, batch_rows)
        if batch_rows is None and rows == tokens.rows:
            return BatchOutcome(rows)  # as many as were pending
        return BatchOutcome(rows, self._pending.count(keys))

    @contextmanager
    def first_row(
        self, keys: KeyRange, wait_seconds: float, clock: Callable[[], float]
    ) -> Iterator[FirstRow]:
        """Return the range's first pending row, for ``rotate``.

        ``rotate`` waits for the row, up to ``wait_seconds``.
        """
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
        self._note(row.changed)

    def _give(self, tokens: Assignment, keys: KeyRange, batch_rows: int | None) -> int:
        """Return the number of free rows that got a token."""
        if tokens.rows == 0:
            return 0
        query = tokens.update_free_rows(keys)
        values = {
            **tokens.values,
            **values_of(self._target, keys),
            "lock_timeout_ms": self._lock_timeout_ms,
            "batch_rows": batch_rows if tokens.rows is None else tokens.rows,
        }
        if not tokens.settings:
            return self._committed(self._row_update.run(statements.writing(query), values))
        settings = (*statements.WHILE_WRITING, *tokens.settings)
        with self._connection.transaction(*settings, values=values):
            changed = self._row_update.run(query, values)
        return self._committed(changed)

    def _committed(self, changed: ChangedRows) -> int:
        self._note(changed)
        self._writer.written(changed.rows)
        return changed.rows

    def _note(self, changed: ChangedRows) -> None:
        self.committed_rows += changed.rows
        self._announcements.add(changed.keys, changed.rows)
