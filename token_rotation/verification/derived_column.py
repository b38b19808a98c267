"""Columns that hold a value made from the token."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class DerivedColumn:
    """One column that an application may look tokens up by.

    ``expression`` is the SQL of its value, with ``{token}`` in place of the token.
    """

    column: str
    expression: str


def derived_of(target: Target) -> tuple[DerivedColumn, ...]:
    """Return the derived columns that a target's guard keeps in step."""
    return tuple(map(DerivedColumn, target.derived, target.derived_sql))
