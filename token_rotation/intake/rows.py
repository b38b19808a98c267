"""The rows of one target that hold reported tokens: find them, rotate them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from token_rotation.inspection.columns.column_type import column_type
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.copy_stream import CopyStream
from token_rotation.selection.target import Target
from token_rotation.sql.lists import listed_rows as list_sql
from token_rotation.sql.lists import reported as reported_sql
from token_rotation.sql.pending import array
from token_rotation.sql.tokens import KEEP_TOKENS, made_by

ROWS_AT_MOST = 4_000
ROWS_NAMED = 100
LOCK_TIMEOUT_MS = 500
STATEMENT_TIMEOUT_MS = 10_000


class ReportedRows:
    """One connection's work on a target. Tokens reach the server as COPY data alone.

    Driver errors pass through. A COMMIT whose answer is lost does no harm: what was rotated is not
    found again.
    """

    def __init__(self, connection: Connection, target: Target) -> None:
        self._connection = connection
        self._target = target
        self._type: str | None = None

    def find(self, values: Sequence[str]) -> set[str]:
        """Return the values that a row holds now."""
        query = reported_sql.stored(self._target, self._type_of_token())
        with self._listed(values):
            return {str(value) for (value,) in self._connection.rows(query)}

    def keys(self, values: Sequence[str]) -> list[str]:
        """Return the keys of at most 100 rows that hold one of the values; none if it is the key.

        A key that is the token itself leaves the server nowhere.
        """
        if self._target.hides_keys:
            return []
        query = reported_sql.stored_keys(self._target, self._type_of_token())
        with self._listed(values):
            rows = self._connection.rows(query, {"rows_at_most": ROWS_NAMED})
        return sorted(str(key) for (key,) in rows)

    def retired(self, values: Sequence[str]) -> set[str]:
        """Return the values that were replaced; the target keeps their hashes."""
        with self._listed(values):
            return {str(value) for (value,) in self._connection.rows(reported_sql.retired())}

    def rotate(self, values: Sequence[str]) -> list[Any]:
        """Rotate at most 4,000 free rows that hold one of the values, in one transaction.

        Return their keys. A row that another session has locked, or rotated meanwhile, is left.
        """
        target, token_type = self._target, self._type_of_token()
        made = target.token_source.take(min(len(values), ROWS_AT_MOST))
        limit = {"rows_at_most": ROWS_AT_MOST if made is None else len(made)}
        with self._listed(values, writes=True):
            held = self._connection.change(reported_sql.hold(target, token_type), limit)
            if not held:
                return []
            self._connection.change(reported_sql.ANALYZE_HELD)
            self._connection.change(reported_sql.take_later_markers(target))
            return [key for key, _ in self._update(made, token_type)]

    def _update(self, made: list[str] | None, token_type: str) -> list[tuple[Any, ...]]:
        expression = self._target.token_source.expression
        if expression is not None:
            query = reported_sql.rotate_held(self._target, made_by(expression))
            return self._connection.rows(query)
        self._connection.rows(KEEP_TOKENS, {"tokens": array(made or [])})
        return self._connection.rows(reported_sql.rotate_held_with_tokens(self._target, token_type))

    @contextmanager
    def _listed(self, values: Sequence[str], *, writes: bool = False) -> Iterator[None]:
        joins = () if self._target.token_is_unique else (statements.AVOID_NESTED_LOOPS,)
        settings = (
            *joins,
            statements.LIMIT_LOCK_WAIT,
            statements.LIMIT_LOOK,
            list_sql.ROOM_TO_JOIN,
            list_sql.create("text", writes=writes),
        )
        limits = {"lock_timeout_ms": LOCK_TIMEOUT_MS, "statement_timeout_ms": STATEMENT_TIMEOUT_MS}
        with self._connection.transaction(*settings, values=limits):
            self._connection.copy(list_sql.COPY, CopyStream(each.encode() for each in values))
            self._connection.change(list_sql.ANALYZE)
            yield

    def _type_of_token(self) -> str:
        if self._type is None:
            with self._connection.cursor() as cursor:
                target = self._target
                self._type = str(column_type(cursor, target.table, target.token_column))
        return self._type
