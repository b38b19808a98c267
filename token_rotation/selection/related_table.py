"""Tables that hold a part of the same objects as the token's table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Join:
    """A table, and its column that equals a column of a table before it."""

    table: str
    column: str
    before: str
    column_before: str


@dataclass(frozen=True, slots=True)
class RelatedTable:
    """The table of a parent or a child of the token's model.

    ``joins`` lead to it from the token's table; it is the last of them. ``label`` is its model's.
    ``unrelated`` are the columns that are declared not to follow the token.
    """

    label: str
    joins: tuple[Join, ...]
    unrelated: tuple[str, ...] = ()

    @property
    def table(self) -> str:
        return self.joins[-1].table
