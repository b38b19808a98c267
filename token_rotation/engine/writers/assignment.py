"""The values one UPDATE sets its rows' columns to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from token_rotation.postgres.connection import Values
from token_rotation.postgres.statements import Statement
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import filling as filling_sql


class Assignment(Protocol):
    """The SET part of one UPDATE."""

    @property
    def settings(self) -> tuple[Statement, ...]:
        """Return what precedes the UPDATE in its transaction.

        It takes ``values`` too.
        """

    @property
    def values(self) -> Values:
        """The parameters of ``settings`` and of the UPDATE."""

    @property
    def rows(self) -> int | None:
        """Return the number of rows it has values for.

        None: any number.
        """

    def update_free_rows(self, keys: KeyRange) -> Statement:
        """Update at most ``batch_rows`` free pending rows of a range.

        Free rows are those that nobody else locks.
        """


@dataclass(frozen=True, slots=True)
class Evaluated:
    """SQL assignments that the server evaluates for each row."""

    target: MarkedTable
    assigned: Statement
    values: Values = field(default_factory=dict)
    settings: tuple[Statement, ...] = ()
    rows: int | None = None

    def update_free_rows(self, keys: KeyRange) -> Statement:
        return batch_sql.update_free_rows(self.target, keys, self.assigned)

    def update_range(self, keys: KeyRange) -> Statement:
        """Update all pending rows of a range.

        Waits for those that others lock.
        """
        return batch_sql.update_range(self.target, keys, self.assigned)


@dataclass(frozen=True, slots=True)
class MadeTokens:
    """Tokens made in Python, one a row, in order.

    The n-th row gets the n-th token.
    """

    target: Target
    token_type: str
    rows: int
    values: Values
    settings: tuple[Statement, ...]

    def update_free_rows(self, keys: KeyRange) -> Statement:
        return batch_sql.update_free_rows_with_tokens(self.target, keys, self.token_type)


@dataclass(frozen=True, slots=True)
class LockedRows:
    """SQL assignments for rows that an earlier statement of the transaction has locked."""

    target: MarkedTable
    key_type: str
    assigned: Statement
    values: Values
    settings: tuple[Statement, ...]
    rows: int | None = None

    def update_free_rows(self, keys: KeyRange) -> Statement:
        return filling_sql.update_kept_rows(self.target, keys, self.key_type, self.assigned)
