"""Rotate rows of a range that nobody else has locked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from token_rotation.engine.batch_outcome import BatchOutcome, FirstRow
from token_rotation.engine.token_prefix import TokenSlice
from token_rotation.notify.announcements import Announcements
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection, Values
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import catalogue as catalogue_sql
from token_rotation.sql import counting as counting_sql
from token_rotation.sql.pending import array, values_of
from token_rotation.tokens.sources import PythonTokens


class FreeRows:
    """One short transaction, whatever the tokens come from, that waits for at most one row."""

    def __init__(
        self,
        connection: Connection,
        target: Target,
        *,
        lock_timeout_ms: int,
        announcements: Announcements,
        token_slice: TokenSlice,
    ) -> None:
        self._connection = connection
        self._target = target
        self._lock_timeout_ms = lock_timeout_ms
        self._announcements = announcements
        self._slice = token_slice
        self._token_type: str | None = None
        self._prepared: list[str] = []

    def pending_rows(self, keys: KeyRange) -> int:
        """How many rows of the range are pending now."""
        query = statements.looking(counting_sql.count_pending(self._target, keys))
        values = self._with_lock_timeout(values_of(self._target, keys))
        return int(self._connection.value(query, values))

    def _count(self, keys: KeyRange) -> int:
        """``pending_rows`` within a transaction."""
        query = counting_sql.count_pending(self._target, keys)
        return int(self._connection.value(query, values_of(self._target, keys)))

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Make the tokens that the next ``rotate`` of this range needs already now.

        The function may take its time: no row is locked yet, and no transaction open. Raises
        TokenSourceError.
        """
        source = self._target.token_source
        if isinstance(source, PythonTokens):
            pending = self.pending_rows(keys)
            rows = pending if batch_rows is None else min(pending, batch_rows)
            self._prepared = source.take(rows) if rows else []

    def rotate(self, keys: KeyRange, batch_rows: int | None) -> BatchOutcome:
        """Rotate the first ``batch_rows`` free pending rows of the range; None: all of them.

        Driver errors pass through, and TokenSourceError; nothing was written then.
        """
        if isinstance(self._target.token_source, PythonTokens):
            return self._rotate_with_made_tokens(keys, batch_rows)
        prefix = self._slice.prefix()
        query = statements.bounded(
            batch_sql.rotate_free_rows(self._target, keys, sliced=bool(prefix))
        )
        values = {
            **values_of(self._target, keys),
            "batch_rows": batch_rows,
            "token_prefix": prefix,
        }
        rotated = self._announcements.run(self._connection, query, self._with_lock_timeout(values))
        self._slice.used(rotated.rows)
        return BatchOutcome(self._announcements.committed(rotated), self.pending_rows(keys))

    def rotate_first(
        self,
        keys: KeyRange,
        wait_seconds: float,
        tell_pid: Callable[[int], None],
        tell_had: Callable[[], None],
    ) -> FirstRow:
        """Wait for the first pending row of the range, rotate it and look at it while it is had.

        It holds nothing else, so nobody who waits for it can be waited for. ``tell_pid`` is told
        which backend is about to wait, ``tell_had`` when the wait is over. Driver errors pass
        through, and TokenSourceError; nothing was written then.
        """
        lock_timeout = {"lock_timeout_ms": max(1, int(wait_seconds * 1000))}
        settings: list[statements.Statement] = [
            statements.LIMIT_LOCK_WAIT,
            statements.WITHOUT_A_LIMIT,
            statements.READ_IN_KEY_ORDER,
        ]
        source, made = self._target.token_source, {}
        update: Callable[[KeyRange], statements.Statement] = partial(
            batch_sql.rotate_free_rows, self._target
        )
        if isinstance(source, PythonTokens):
            update, made = self._update_with_tokens(), {"tokens": array(source.take(1))}
            settings.append(batch_sql.KEEP_TOKENS)
        with self._connection.transaction(*settings, values={**lock_timeout, **made}):
            tell_pid(self._connection.value(statements.BACKEND_PID))
            lock = batch_sql.lock_first_pending(self._target, keys)
            held = self._connection.row(lock, values_of(self._target, keys))
            tell_had()
            if held is None:  # rotated by others; or row security lets it be read and not locked
                return FirstRow.RESISTS if self._count(keys) else FirstRow.LEFT
            row = replace(keys, exactly=held[0])
            values = {**values_of(self._target, row), "batch_rows": 1}
            rotated = self._announcements.run(self._connection, update(row), values)
            self._connection.change(statements.FIRE_DEFERRED_TRIGGERS)
            left_rows = self._count(row)
        self._announcements.committed(rotated)
        return FirstRow.RESISTS if left_rows else FirstRow.ROTATED

    def _rotate_with_made_tokens(self, keys: KeyRange, batch_rows: int | None) -> BatchOutcome:
        if not self._prepared:
            self.prepare(keys, batch_rows)
        tokens, self._prepared = self._prepared, []  # never used twice, whatever becomes of them
        rotated = self._give(tokens, keys) if tokens else 0
        if batch_rows is None and rotated == len(tokens):
            return BatchOutcome(rotated)
        return BatchOutcome(rotated, self.pending_rows(keys))

    def _give(self, tokens: list[str], keys: KeyRange) -> int:
        """Give one token each to as many free rows; how many there were."""
        query = self._update_with_tokens()(keys)
        values = {**values_of(self._target, keys), "batch_rows": len(tokens)}
        with self._connection.transaction(
            statements.LIMIT_LOCK_WAIT,
            statements.READ_IN_KEY_ORDER,
            statements.AVOID_NESTED_LOOPS,
            batch_sql.KEEP_TOKENS,
            values=self._with_lock_timeout({"tokens": array(tokens)}),
        ):
            rotated = self._announcements.run(self._connection, query, values)
        return self._announcements.committed(rotated)

    def _update_with_tokens(self) -> Callable[[KeyRange], statements.Statement]:
        """Outside of a transaction, the first time: it asks for the type of the column."""
        if self._token_type is None:
            column = {"table": self._target.table, "column": self._target.token_column}
            query = statements.bounded(catalogue_sql.column_type())
            self._token_type = str(self._connection.value(query, self._with_lock_timeout(column)))
        return partial(
            batch_sql.rotate_free_rows_with_tokens, self._target, token_type=self._token_type
        )

    def _with_lock_timeout(self, values: Values) -> Values:
        return {**values, "lock_timeout_ms": self._lock_timeout_ms}
