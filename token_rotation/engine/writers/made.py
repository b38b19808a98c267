"""Tokens that a Python function makes."""

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
from token_rotation.sql.pending import array
from token_rotation.sql.tokens import KEEP_TOKENS
from token_rotation.tokens.sources import PythonTokens


class MadeTokensWriter(Writer):
    """A source of one Python-made token per pending row.

    It asks for the tokens before the transaction begins.

    They are only ever given to free rows, and no token is used twice, whatever becomes of it.
    """

    updates_ranges = False

    def __init__(
        self, connection: Connection, target: Target, source: PythonTokens, pending: PendingRows
    ) -> None:
        self._connection = connection
        self._target = target
        self._source = source
        self._pending = pending
        self._prepared: list[str] = []
        self._token_type: str | None = None

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        pending = self._pending.count(keys)
        rows = pending if batch_rows is None else min(pending, batch_rows)
        self._prepared = self._source.take(rows) if rows else []

    def for_range(self) -> Evaluated:
        raise TypeError("tokens made in Python are given to free rows alone")

    def for_rows(self, keys: KeyRange, batch_rows: int | None) -> MadeTokens:
        if not self._prepared:
            self.prepare(keys, batch_rows)
        tokens, self._prepared = self._prepared, []
        return self._assignment(tokens, statements.AVOID_NESTED_LOOPS, KEEP_TOKENS)

    def for_one_row(self) -> MadeTokens:
        return self._assignment(self._source.take(1), KEEP_TOKENS)

    def written(self, rows: int) -> None:
        """Nothing: each token is taken once."""

    def _assignment(self, tokens: list[str], *settings: Statement) -> MadeTokens:
        if self._token_type is None:
            with self._connection.cursor() as cursor:
                table, column = self._target.table, self._target.token_column
                self._token_type = str(column_type(cursor, table, column))
        values = {"tokens": array(tokens)}
        return MadeTokens(self._target, self._token_type, len(tokens), values, settings)
