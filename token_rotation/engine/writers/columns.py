"""Columns that a project's own SQL fills."""

from __future__ import annotations

from token_rotation.engine.writers.assignment import Assignment, Evaluated, LockedRows
from token_rotation.engine.writers.writer import Writer
from token_rotation.inspection.columns.column_type import column_type
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.shadow import Shadow
from token_rotation.sql import filling as filling_sql


class ColumnsWriter(Writer):
    """Values that may come from other rows, so each row is locked before they are read.

    An UPDATE that meets a row changed since its snapshot takes the new row, and old rows of other
    tables. So one statement locks the rows, and the next one has a later snapshot.
    """

    updates_ranges = False

    def __init__(self, connection: Connection, target: Shadow) -> None:
        self._connection = connection
        self._target = target
        self._assigned = filling_sql.assigned(target)
        self._values = filling_sql.assigned_values(target)
        self._key_type: str | None = None

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Nothing: the server makes the values."""

    def for_range(self) -> Evaluated:
        raise TypeError("values from other rows are given to locked rows alone")

    def for_rows(self, keys: KeyRange, batch_rows: int | None) -> LockedRows:  # noqa: ARG002
        if self._key_type is None:
            with self._connection.cursor() as cursor:
                table, key = self._target.table, self._target.key_column
                self._key_type = str(column_type(cursor, table, key))
        settings = (filling_sql.FILLING, filling_sql.keep_free_keys(self._target, keys))
        return LockedRows(self._target, self._key_type, self._assigned, self._values, settings)

    def for_one_row(self) -> Assignment:
        """The caller has locked the row."""
        return Evaluated(self._target, self._assigned, self._values, (filling_sql.FILLING,))

    def written(self, rows: int) -> None:
        """Nothing: values do not depend on those before them."""
