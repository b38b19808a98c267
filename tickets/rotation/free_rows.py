"""Rotate rows of a range that nobody else has locked."""

from __future__ import annotations

from collections.abc import Sequence

from tickets.rotation import sql
from tickets.rotation.connection import Connection, Values
from tickets.rotation.key_range import KeyRange
from tickets.rotation.target import Target
from tickets.rotation.token_source import PythonTokens


class FreeRows:
    """One short transaction that never waits for a row, whatever the tokens come from."""

    def __init__(self, connection: Connection, target: Target, *, lock_timeout_ms: int) -> None:
        self._connection = connection
        self._target = target
        self._lock_timeout_ms = lock_timeout_ms
        self._token_type: str | None = None

    def rotate(self, keys: KeyRange, batch_rows: int | None) -> int:
        """Rotate the first ``batch_rows`` free pending rows, None: all of them; how many it were.

        Driver errors pass through, and TokenSourceError; nothing was written then.
        """
        source = self._target.token_source
        if isinstance(source, PythonTokens):
            return self._with_tokens_of(source, keys, batch_rows)
        query = sql.bounded(sql.rotate_free_rows(self._target, keys))
        values = {**sql.range_values(keys), "batch_rows": batch_rows}
        return self._connection.change(query, self._bounds(values))

    def _with_tokens_of(self, source: PythonTokens, keys: KeyRange, batch_rows: int | None) -> int:
        """Make the tokens first, with no row locked: the function may take its time."""
        pending = sql.bounded(sql.count_pending(self._target, keys))
        rows = int(self._connection.value(pending, self._bounds(sql.range_values(keys))))
        rows = rows if batch_rows is None else min(rows, batch_rows)
        if rows == 0:
            return 0
        token_type = self._type_of_tokens()
        tokens = _array(source.take(rows))
        query = sql.rotate_free_rows_with_tokens(self._target, keys, token_type)
        values = {**sql.range_values(keys), "batch_rows": rows}
        with self._connection.transaction(
            sql.LIMIT_LOCK_WAIT,
            sql.AVOID_FULL_SCANS,
            sql.AVOID_NESTED_LOOPS,
            sql.KEEP_TOKENS,
            values=self._bounds({"tokens": tokens}),
        ):
            return self._connection.change(query, values)

    def _type_of_tokens(self) -> str:
        if self._token_type is None:
            column = {"table": self._target.table, "column": self._target.token_column}
            query = sql.bounded(sql.column_type())
            self._token_type = str(self._connection.value(query, self._bounds(column)))
        return self._token_type

    def _bounds(self, values: Values) -> Values:
        return {**values, "lock_timeout_ms": self._lock_timeout_ms}


def _array(texts: Sequence[str]) -> str:
    """An array as PostgreSQL reads it; the driver would write, and the server parse, each alone."""
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return '{"' + '","'.join(escaped) + '"}'
