"""Look up the rows that a list names.

The list is of tokens or keys.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from token_rotation.inspection.columns.column_type import column_type
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.sql.lists import listed_rows as list_sql
from token_rotation.sql.pending import values_of

CHUNK_LINES = 10_000
SCAN_CHUNK_LINES = 250_000
LOCK_TIMEOUT_MS = 1_000

SeenRow = tuple[str, str | None]
"""Key and marker of a row, as text."""


@dataclass(frozen=True, slots=True)
class ListCount:
    """Numbers of the rows that a list names now.

    Of the ``stored_rows`` that it names, ``meant_rows`` are to be rotated. ``added_rows`` of those
    would not be pending without the list.
    """

    lines: int
    stored_rows: int
    meant_rows: int
    added_rows: int
    is_estimate: bool = False


class ListedRows:
    """Rows of a list, looked up chunk by chunk.

    It uses one connection. Each look-up is one transaction that leaves nothing behind. With
    ``by_heap`` it uses no index. Driver errors pass through.
    """

    def __init__(
        self,
        connection: Connection,
        target: Target,
        leak_list: LeakList,
        *,
        by_heap: bool = False,
    ) -> None:
        self._connection = connection
        self._target = target
        self._is_indexed = _is_indexed(target, leak_list) and not by_heap
        self._settings = (statements.USE_NO_INDEX,) if by_heap else ()
        if not self._is_indexed:
            self._settings = (*self._settings, statements.AVOID_NESTED_LOOPS)
        self._column = target.key_column if leak_list.kind.name == "keys" else target.token_column
        self._type: str | None = None

    def find(self, values: Sequence[str]) -> list[SeenRow]:
        """Return key and marker of the rows to rotate.

        They are in key order.
        """
        type_of_column = self._type_of_column()
        query = list_sql.listed_rows(
            self._target, self._column, type_of_column, is_indexed=self._is_indexed
        )
        with self._stored(values):
            return [
                (key, marker)
                for key, marker in self._connection.rows(query, values_of(self._target, EVERY_KEY))
            ]

    def count(
        self, values: Sequence[str], *, at_most_seconds: float | None = None
    ) -> tuple[int, int, int]:
        """Count the rows named, and those to rotate.

        Count also those pending only because of the list. No statement takes more than
        ``at_most_seconds``.
        """
        type_of_column = self._type_of_column()
        query = list_sql.count_listed_rows(
            self._target, self._column, type_of_column, is_indexed=self._is_indexed
        )
        with self._stored(values, at_most_seconds):
            stored, meant, added = self._connection.row(
                query, values_of(self._target, EVERY_KEY)
            ) or (0, 0, 0)
        return int(stored), int(meant), int(added)

    @contextmanager
    def _stored(
        self, values: Sequence[str], at_most_seconds: float | None = None
    ) -> Iterator[None]:
        settings = (statements.LIMIT_LOCK_WAIT, statements.LIMIT_LOOK, list_sql.ROOM_TO_JOIN)
        settings = (*settings, *self._settings)
        timeout_ms = 0 if at_most_seconds is None else max(1, int(at_most_seconds * 1000))
        limits = {"lock_timeout_ms": LOCK_TIMEOUT_MS, "statement_timeout_ms": timeout_ms}
        with self._connection.transaction(*settings, list_sql.create("text"), values=limits):
            stream = CopyStream(value.encode() for value in values)
            self._connection.copy(list_sql.COPY, stream)
            self._connection.change(list_sql.ANALYZE)
            yield

    def _type_of_column(self) -> str:
        if self._type is None:
            with self._connection.cursor() as cursor:
                self._type = str(column_type(cursor, self._target.table, self._column))
        return self._type


def chunk_lines(target: Target, leak_list: LeakList) -> int:
    """Return how many lines to look up at a time.

    Few by an index, or many in one scan.
    """
    return CHUNK_LINES if _is_indexed(target, leak_list) else SCAN_CHUNK_LINES


def _is_indexed(target: Target, leak_list: LeakList) -> bool:
    """Return True if an index finds a line's row."""
    return leak_list.kind.name == "keys" or target.token_is_unique


def count_listed(
    connection: Connection,
    target: Target,
    leak_list: LeakList,
    *,
    at_most_seconds: float | None,
    by_heap: bool = False,
) -> ListCount:
    """Count the rows of a list, or estimate them.

    After ``at_most_seconds``, it estimates from the part looked up, or by the number of lines where
    there is none. With ``by_heap`` it uses no
    index, and reads the table once for each 250,000 lines.
    """
    look_up = ListedRows(connection, target, leak_list, by_heap=by_heap)
    size = SCAN_CHUNK_LINES if by_heap else chunk_lines(target, leak_list)
    ends_at = None if at_most_seconds is None else time.monotonic() + at_most_seconds
    lines, counts = 0, (0, 0, 0)
    for values in leak_list.chunks(size):
        left_seconds = None if ends_at is None else max(0.0, ends_at - time.monotonic())
        try:
            found = look_up.count(values, at_most_seconds=left_seconds)
        except driver.Error as error:
            if not _is_over(ends_at) or fault_of(error) is not Fault.TIMED_OUT:
                raise
            return _estimate(leak_list.lines, lines, counts)
        counts = (counts[0] + found[0], counts[1] + found[1], counts[2] + found[2])
        lines += len(values)
        if lines < leak_list.lines and _is_over(ends_at):
            return _estimate(leak_list.lines, lines, counts)
    return ListCount(lines, *counts)


def _is_over(ends_at: float | None) -> bool:
    return ends_at is not None and time.monotonic() > ends_at


def _estimate(lines: int, looked_up: int, counts: tuple[int, int, int]) -> ListCount:
    if not looked_up:
        return ListCount(lines, lines, lines, lines, is_estimate=True)
    stored, meant, added = (count * lines // looked_up for count in counts)
    return ListCount(lines, stored, max(1, meant), added, is_estimate=True)
