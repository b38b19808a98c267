"""Look up pending rows.

The look-ups tell their number, if there are any, and where the next batches end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from token_rotation.engine.batches.refusals import PendingRow
from token_rotation.engine.passes.allocator import Stretch
from token_rotation.inspection.key_order import check_key_order
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection, Values
from token_rotation.selection.key_range import EVERY_KEY, Key, KeyRange
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import of_tokens
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import counting as counting_sql
from token_rotation.sql.keys import ranges as key_ranges_sql
from token_rotation.sql.lists import listed_rows as list_sql
from token_rotation.sql.pending import values_of
from token_rotation.targets.later_rows import Chunk, as_listed
from token_rotation.targets.lookup import ListedRows, SeenRow

WALK_ROWS = 10_000


class PendingRows:
    """The pending rows within ``bounds``, seen through one connection.

    Each look is one transaction, which waits for a lock no longer than ``lock_timeout_ms``.
    ``leak_list`` is where ``listed_rows`` come from. Rows whose keys are
    ``excluded`` are left out. Driver errors pass through.
    """

    def __init__(
        self,
        connection: Connection,
        target: MarkedTable,
        *,
        lock_timeout_ms: int,
        bounds: KeyRange = EVERY_KEY,
        leak_list: LeakList | None = None,
        excluded: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self._connection = connection
        self._target = target
        self._lock_timeout_ms = lock_timeout_ms
        self._bounds = bounds
        self._excluded = excluded
        self._listed = (
            None if leak_list is None else ListedRows(connection, of_tokens(target), leak_list)
        )

    def count(self, keys: KeyRange) -> int:
        """Count the pending rows of a range."""
        query = counting_sql.count_pending(self._target, keys)
        return int(self._value(query, values_of(self._target, keys)))

    def any(self) -> bool:
        """Return True when the partial index holds a pending row.

        Looks at the index afresh.
        """
        keys = replace(self._bounds, without=self._excluded())
        query = batch_sql.any_pending(self._target, keys)
        return bool(self._value(query, values_of(self._target, keys)))

    def first(self, keys: KeyRange) -> PendingRow | None:
        """Return the first pending row of a range; None where none is pending."""
        query = batch_sql.first_pending(self._target, keys)
        found = self._rows(query, values_of(self._target, keys))
        return PendingRow(*found[0]) if found else None

    def first_part(self, keys: KeyRange, batch_rows: int) -> KeyRange:
        """Return the range of the first ``batch_rows`` pending rows.

        Without any in ``keys``, it is all of ``keys``.
        """
        values = {**values_of(self._target, keys), "batch_rows": batch_rows}
        upper = self._value(key_ranges_sql.batch_upper_key(self._target, keys), values)
        return keys if upper is None else replace(keys, upper=upper)

    def upper_keys(self, after: Key | None, batch_rows: int, ahead_rows: int) -> Stretch:
        """The last keys of the next batches above ``after``.

        They cover ``ahead_rows`` pending rows. Where no index holds just the pending rows, they
        cover those among the next WALK_ROWS keys, so that the look is short whatever there is.
        """
        keys = KeyRange(after, self._bounds.upper, without=self._excluded())
        values = {
            **values_of(self._target, keys),
            "batch_rows": batch_rows,
            "ahead_rows": ahead_rows,
            "walk_rows": WALK_ROWS,
        }
        if not self._target.selection.is_indexed:
            stretch = _walked(self._rows(key_ranges_sql.walk(self._target, keys), values))
            if not stretch.upper_keys:
                check_key_order(self._connection, self._target, (after, stretch.looked_to))
            return stretch
        # One key of one batch needs no numbering, which costs more than the look at the index.
        is_one = ahead_rows <= batch_rows
        find = key_ranges_sql.batch_upper_key if is_one else key_ranges_sql.batch_upper_keys
        return Stretch([key for (key,) in self._rows(find(self._target, keys), values)])

    def check_order(self, keys: KeyRange) -> None:
        """Raise KeyOrderError if a range that a look-up gave ends before it begins."""
        check_key_order(self._connection, self._target, (keys.after, keys.upper))

    def first_keys(self, keys: KeyRange) -> set[str]:
        """Return up to 100 pending keys of a range, as text, in the order of an index."""
        keys = replace(keys, without=self._excluded())
        query = batch_sql.first_pending_keys(self._target, keys)
        return {key for (key,) in self._rows(query, values_of(self._target, keys))}

    def listed_rows(self, values: Sequence[str]) -> list[SeenRow]:
        """Return key and marker of rows in a list's chunk.

        Only rows that are to be rotated.
        """
        return [] if self._listed is None else self._without_refused(self._listed.find(values))

    def later_rows(self, chunk: Chunk) -> list[SeenRow]:
        """Return key and marker of those rows of a chunk that are as they were."""
        rows = as_listed(chunk)
        query = list_sql.still_later(self._target, rows)
        found = self._rows(query, values_of(self._target, rows))
        return self._without_refused([(key, marker) for key, marker in found])

    def any_later(self) -> bool:
        """Return True when a marker of the selection is later than the server's clock.

        Reads the whole table where there is none.
        """
        query = counting_sql.any_later(self._target)
        look = statements.together(statements.LIMIT_LOCK_WAIT, statements.WITHOUT_A_LIMIT, query)
        values = values_of(self._target, EVERY_KEY)
        bound = {**values, "lock_timeout_ms": self._lock_timeout_ms}
        return bool(self._connection.value(look, bound))

    def clock_behind_seconds(self) -> float:
        """Return how far the server's clock is behind the cut-off; 0 or less if it is not."""
        values = values_of(self._target, EVERY_KEY)
        return float(self._value(statements.SECONDS_TO_CUT_OFF, values))

    def _without_refused(self, rows: list[SeenRow]) -> list[SeenRow]:
        excluded = set(self._excluded())
        return [row for row in rows if row[0] not in excluded] if excluded else rows

    def _value(self, query: statements.Statement, values: Values) -> Any:
        return next((value for (value,) in self._rows(query, values)), None)

    def _rows(self, query: statements.Statement, values: Values) -> list[Any]:
        bound = {**values, "lock_timeout_ms": self._lock_timeout_ms}
        return self._connection.rows(statements.looking(query), bound)


def _walked(rows: Sequence[tuple[Key, bool, int]]) -> Stretch:
    """Return the stretch that ``walk`` has found.

    Its last row says how far ``walk`` looked.
    """
    upper_keys = [key for key, ends_batch, _ in rows if ends_batch]
    is_last = not rows or rows[-1][2] < WALK_ROWS
    return Stretch(upper_keys, None if is_last else rows[-1][0])
