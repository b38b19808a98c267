"""Columns that hold a value made from the token."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.selection.target import Target
from token_rotation.targets.discovery import model_of
from token_rotation.triggers.guard import guards_of


@dataclass(frozen=True, slots=True)
class DerivedColumn:
    """One column that an application may look tokens up by.

    ``expression`` is the SQL of its value, with ``{token}`` in place of the token.
    """

    column: str
    expression: str


def derived_of(target: Target) -> tuple[DerivedColumn, ...]:
    """Return the derived columns that a target's guard declares."""
    model = model_of(target)
    columns = {field.name: field.column for field in model._meta.concrete_fields}
    for pair in guards_of(getattr(model._meta, "triggers", [])):
        if columns.get(pair.update.token, pair.update.token) == target.token_column:
            declared = getattr(pair.update, "derived", None) or {}
            return tuple(
                DerivedColumn(columns.get(name, name), expression)
                for name, expression in declared.items()
            )
    return ()
