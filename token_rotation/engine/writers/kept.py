"""Tokens that the server makes before an UPDATE, and keeps.

So the rows can be compared with them afterwards.
"""

from __future__ import annotations

from token_rotation.engine.batches.pending_rows import PendingRows
from token_rotation.engine.writers.assignment import Evaluated, MadeTokens
from token_rotation.engine.writers.writer import Writer
from token_rotation.inspection.columns.column_type import column_type
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.statements import Statement
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql.tokens import keep_made


class KeptTokensWriter(Writer):
    """One token of an SQL expression per pending row, made in its transaction.

    They are given to free rows alone. Slower than tokens that the UPDATE itself makes.
    """

    updates_ranges = False

    def __init__(
        self, connection: Connection, target: Target, expression: str, pending: PendingRows
    ) -> None:
        self._connection = connection
        self._target = target
        self._keep = keep_made(expression)
        self._pending = pending
        self._token_type: str | None = None

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Nothing: the transaction makes the tokens."""

    def for_range(self) -> Evaluated:
        raise TypeError("tokens that are kept are given to free rows alone")

    def for_rows(self, keys: KeyRange, batch_rows: int | None) -> MadeTokens:
        pending = self._pending.count(keys)
        rows = pending if batch_rows is None else min(pending, batch_rows)
        return self._assignment(rows, statements.AVOID_NESTED_LOOPS)

    def for_one_row(self) -> MadeTokens:
        return self._assignment(1)

    def written(self, rows: int) -> None:
        """Nothing: each token is taken once."""

    def _assignment(self, rows: int, *settings: Statement) -> MadeTokens:
        if self._token_type is None:
            with self._connection.cursor() as cursor:
                table, column = self._target.table, self._target.token_column
                self._token_type = str(column_type(cursor, table, column))
        values = {"made_rows": rows}
        return MadeTokens(self._target, self._token_type, rows, values, (*settings, self._keep))
