"""One batch: rotate the pending rows of one key range, whoever else is using them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import psycopg2

from token_rotation.engine.allocator import Stretch
from token_rotation.engine.batch_outcome import BatchOutcome, FirstRow
from token_rotation.engine.skip_locked import FreeRows
from token_rotation.engine.token_index import index_pages
from token_rotation.engine.token_prefix import TokenSlice, can_be_sliced
from token_rotation.notify.announcements import Announcements
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection, Values
from token_rotation.postgres.failures import fault_of
from token_rotation.postgres.sqlstate import Fault
from token_rotation.selection.key_range import EVERY_KEY, Key, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql
from token_rotation.sql.pending import values_of, walk
from token_rotation.targets.lookup import ListedRows, SeenRow
from token_rotation.tokens.sources import PythonTokens

TRIES_OF_ONE_ROW = 10
PLAIN_UPDATE_AT_MOST_MS = 500
BATCHES_WITHOUT_A_WAIT = 20
WALK_ROWS = 10_000


class BatchRunner:
    """Finds key ranges and rotates them on one connection, each in one short transaction.

    ``aborted`` tells a statement that the operator cancelled from one that took too long. Only keys
    within ``bounds`` are looked for; ``leak_list`` is where ``listed_rows`` come from. With
    ``independent_tokens`` no token shares digits with its neighbours (``token_slice``). Driver
    errors other than those handled here pass through, with the transaction rolled back. What
    committed is kept in ``announcements`` until it is sent.
    """

    def __init__(
        self,
        connection: Connection,
        target: Target,
        *,
        lock_timeout_ms: int,
        aborted: Callable[[], bool],
        independent_tokens: bool = False,
        bounds: KeyRange = EVERY_KEY,
        leak_list: LeakList | None = None,
    ) -> None:
        self._connection = connection
        self._target = target
        self._lock_timeout_ms = lock_timeout_ms
        self._aborted = aborted
        self._bounds = bounds
        self._never_waiting = 0
        self.announcements = Announcements(target)
        is_sliced = can_be_sliced(target) and not independent_tokens
        pages = partial(index_pages, connection, target) if is_sliced else lambda: 0
        self._slice = TokenSlice(pages)
        self._free_rows = FreeRows(
            connection,
            target,
            lock_timeout_ms=lock_timeout_ms,
            announcements=self.announcements,
            token_slice=self._slice,
        )
        self._listed = None if leak_list is None else ListedRows(connection, target, leak_list)

    @property
    def committed_rows(self) -> int:
        """How many rows its UPDATEs have changed for good, whatever failed after their commits."""
        return self.announcements.committed_rows

    def first_part(self, keys: KeyRange, batch_rows: int) -> KeyRange:
        """The range of the first ``batch_rows`` pending rows of ``keys``; all of it without any."""
        values = {**values_of(self._target, keys), "batch_rows": batch_rows}
        found = self._look_up(batch_sql.batch_upper_key(self._target, keys), values)
        return keys if found is None else replace(keys, upper=found)

    def upper_keys(self, after: Key | None, batch_rows: int, ahead_rows: int) -> Stretch:
        """The last keys of the next batches above ``after``.

        Over ``ahead_rows`` rows; or, where no index holds just the pending ones, over those among
        the next keys, so that a look-up is short whatever there is.
        """
        keys = KeyRange(after, self._bounds.upper)
        is_indexed = self._target.selection.is_indexed
        # One key of one batch needs no numbering, which costs more than the look at the index.
        indexed = (
            batch_sql.batch_upper_keys if ahead_rows > batch_rows else batch_sql.batch_upper_key
        )
        statement = indexed if is_indexed else walk
        values = {
            **values_of(self._target, keys),
            "batch_rows": batch_rows,
            "ahead_rows": ahead_rows,
            "walk_rows": WALK_ROWS,
        }
        query = statements.looking(statement(self._target, keys))
        rows = self._connection.rows(query, self._with_lock_timeout(values))
        if is_indexed:
            return Stretch([key for (key,) in rows])
        uppers = [key for key, ends_batch, _ in rows if ends_batch]
        is_last = not rows or rows[-1][2] < WALK_ROWS
        return Stretch(uppers, None if is_last else rows[-1][0])

    def listed_rows(self, values: Sequence[str]) -> list[SeenRow]:
        """Key and marker of the rows to be rotated that a chunk of the list names."""
        return [] if self._listed is None else self._listed.find(values)

    def any_pending(self) -> bool:
        """Whether the partial index, looked at afresh, holds a pending row."""
        query = batch_sql.any_pending(self._target, self._bounds)
        return bool(self._look_up(query, values_of(self._target, self._bounds)))

    def rotate_and_look(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        """Rotate as ``rotate`` does and look whether the change held: count what really changed."""
        self._free_rows.prepare(keys, limit_rows)
        before = self._free_rows.pending_rows(keys)
        outcome = self.rotate(keys, limit_rows)
        changed = before - self._free_rows.pending_rows(keys)
        if changed >= outcome.rotated_rows:
            return outcome
        return BatchOutcome(max(0, changed), outcome.skipped_rows, held=False)

    def rotate(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        """Rotate the range; rows that others hold for longer than the lock timeout are skipped.

        With ``limit_rows`` no more rows than that change, even when others have become pending in
        the range since. Without it the plain UPDATE comes first because it is the fastest. It waits
        for one row after the other, so its time is bounded too, well below the deadlock_timeout of
        traffic that waits for it: a statement that may take longer must not wait for anybody.
        Tokens made in Python are only ever given to rows that are free. A
        duplicate token fails a whole statement, so the range is halved until the row is alone, and
        that row is tried again.
        """
        made_in_python = isinstance(self._target.token_source, PythonTokens)
        if made_in_python or limit_rows is not None or self._never_waiting > 0:
            self._never_waiting = max(0, self._never_waiting - 1)
            return self._rotate_at_most(keys, limit_rows)
        try:
            return BatchOutcome(self._update_plainly(keys))
        except psycopg2.Error as error:
            fault = fault_of(error)
            if fault is Fault.TIMED_OUT and not self._aborted():
                self._never_waiting = BATCHES_WITHOUT_A_WAIT
                return self._rotate_at_most(keys, batch_rows=None)
            if fault is Fault.LOCKED:
                return self._rotate_at_most(keys, batch_rows=None)
            if fault is Fault.DUPLICATE_TOKEN:
                return self._rotate_halves(keys)
            raise

    def _update_plainly(self, keys: KeyRange) -> int:
        prefix = self._slice.prefix()
        update = batch_sql.rotate_range(self._target, keys, sliced=bool(prefix))
        query = statements.together(statements.LIMIT_STATEMENT, statements.bounded(update))
        values = {
            **values_of(self._target, keys),
            "statement_timeout_ms": PLAIN_UPDATE_AT_MOST_MS,
            "token_prefix": prefix,
        }
        rotated = self.announcements.run(self._connection, query, self._with_lock_timeout(values))
        self._slice.used(rotated.rows)
        return self.announcements.committed(rotated)

    def _rotate_at_most(self, keys: KeyRange, batch_rows: int | None) -> BatchOutcome:
        """Rotate no more than ``batch_rows`` free rows of the range; None: all the free ones."""
        try:
            return self._free_rows.rotate(keys, batch_rows)
        except psycopg2.Error as error:
            if fault_of(error) is Fault.DUPLICATE_TOKEN:
                return self._rotate_halves(keys, batch_rows)
            raise

    def rotate_first(
        self,
        keys: KeyRange,
        wait_seconds: float,
        tell_pid: Callable[[int], None],
        tell_had: Callable[[], None],
    ) -> FirstRow:
        """Wait up to ``wait_seconds`` for the first pending row of the range, and rotate it.

        The callbacks are those of ``FreeRows.rotate_first``.
        """
        first = self.first_part(keys, 1)
        try:
            return self._free_rows.rotate_first(first, wait_seconds, tell_pid, tell_had)
        except psycopg2.Error as error:
            fault = fault_of(error)
            if fault is Fault.LOCKED:
                return FirstRow.HELD
            if fault is Fault.DUPLICATE_TOKEN:
                return FirstRow.LEFT
            raise

    def _rotate_halves(self, keys: KeyRange, limit_rows: int | None = None) -> BatchOutcome:
        rows = self._free_rows.pending_rows(keys)
        if rows <= 1:
            return self._rotate_alone(keys)
        lower = self.first_part(keys, rows // 2)
        done = self.rotate(lower, limit_rows)
        if limit_rows is not None:
            limit_rows -= done.rotated_rows
            if limit_rows == 0:
                return done
        return done + self.rotate(replace(keys, after=lower.upper), limit_rows)

    def _rotate_alone(self, keys: KeyRange) -> BatchOutcome:
        """One row whose fresh token was taken: another fresh token, a few times."""
        for attempt in range(1, TRIES_OF_ONE_ROW + 1):
            try:
                return self._free_rows.rotate(keys, batch_rows=1)
            except psycopg2.Error as error:
                if fault_of(error) is not Fault.DUPLICATE_TOKEN or attempt == TRIES_OF_ONE_ROW:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _look_up(self, query: statements.Statement, values: Values) -> Any:
        return self._connection.value(statements.looking(query), self._with_lock_timeout(values))

    def _with_lock_timeout(self, values: Values) -> Values:
        return {**values, "lock_timeout_ms": self._lock_timeout_ms}
