"""Check that rows hold the tokens that were written."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.errors import OverwrittenTokensError
from token_rotation.inspection.columns.column_type import column_type
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import Key
from token_rotation.selection.target import Target
from token_rotation.sql import rows as rows_sql
from token_rotation.sql.pending import array


class WrittenRows:
    """Checks of the rows that an UPDATE has just changed.

    ``triggers`` names what may overwrite them. The transaction is open, and has kept the tokens
    that it wrote.
    """

    def __init__(self, connection: Connection, target: Target, triggers: Sequence[str]) -> None:
        self._connection = connection
        self._target = target
        self._triggers = tuple(triggers)
        self._types: tuple[str, str] | None = None

    def check(self, keys: Sequence[Key]) -> None:
        """Fire what is deferred, and look at the rows.

        Raises OverwrittenTokensError where one holds another token, so that the caller's
        transaction is rolled back.
        """
        if not keys:
            return
        self._connection.change(statements.FIRE_DEFERRED_TRIGGERS)
        query = rows_sql.overwritten(self._target, *self._column_types())
        if self._connection.value(query, {"keys": array([_as_text(key) for key in keys])}):
            names = " or ".join(self._triggers)
            raise OverwrittenTokensError(
                f"rows of {self._target.table} held other tokens than the rotation wrote, because "
                f"of a trigger: {names}. That batch was rolled back. Change or drop the trigger"
            )

    def _column_types(self) -> tuple[str, str]:
        if self._types is None:
            target = self._target
            with self._connection.cursor() as cursor:
                key, token = (
                    str(column_type(cursor, target.table, column))
                    for column in (target.key_column, target.token_column)
                )
            self._types = (key, token)
        return self._types


def _as_text(key: Key) -> str:
    return f"\\x{bytes(key).hex()}" if isinstance(key, bytes | memoryview) else str(key)
