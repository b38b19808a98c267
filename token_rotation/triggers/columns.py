"""Columns of a guarded token, in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import CharField, Field, Model, TextField

from token_rotation.triggers.names import Marker, quoted_column, quoted_table

NOT_TEXT = {
    "BigIntegerField",
    "BinaryField",
    "IntegerField",
    "PositiveBigIntegerField",
    "PositiveIntegerField",
    "UUIDField",
}
"""Internal types of Django's fields whose tokens cannot be an empty text."""


@dataclass(frozen=True)
class GuardedColumns:
    """Quoted names of the key, the token and the marker, and what absent means.

    ``table`` is the table's name, quoted as well. ``as_text`` is what a token's text needs after
    its name; None if no token is a text. ``may_be_null`` and ``may_be_empty`` say what the field
    allows. ``is_unique`` is True if an index refuses the token of another row at once.
    """

    table: str
    key: str
    token: str
    marker: str
    as_text: str | None
    may_be_null: bool
    may_be_empty: bool
    is_unique: bool

    @property
    def may_be_absent(self) -> bool:
        """Return True if the column can hold an absent token."""
        return self.may_be_null or self.as_text is not None

    def absent(self, row: str) -> str:
        """SQL that is true for an absent token, never NULL."""
        token = f"{row}.{self.token}"
        if self.as_text is None:
            return f"{token} IS NULL"
        return f"coalesce({token}{self.as_text}, '') = ''"

    def present(self, row: str) -> str:
        """SQL that is true for a token that may open something, never NULL."""
        token = f"{row}.{self.token}"
        if self.as_text is None:
            return f"{token} IS NOT NULL"
        return f"coalesce({token}{self.as_text}, '') <> ''"

    def allowed_absent(self, row: str) -> str | None:
        """SQL that is true for an absent token that the field allows.

        None if it allows none.
        """
        token = f"{row}.{self.token}"
        terms = []
        if self.may_be_null:
            terms.append(f"{token} IS NULL")
        if self.may_be_empty:
            terms.append(f"{token}{self.as_text} = ''")
        return " OR ".join(terms) or None

    @property
    def differs(self) -> str:
        """SQL that is true if the token changes, never NULL.

        A change from one absent value to another is none.
        """
        if self.as_text is None:
            return f"NEW.{self.token} IS DISTINCT FROM OLD.{self.token}"
        new, old = (f"coalesce({row}.{self.token}{self.as_text}, '')" for row in ("NEW", "OLD"))
        return f"{new} <> {old}"


def columns_of(model: Model, token: str, marker: Marker) -> GuardedColumns:
    """Return the columns of a model's token. Raises FieldDoesNotExist."""
    field = model._meta.get_field(token)
    as_text = _as_text(field) if isinstance(field, Field) else None
    return GuardedColumns(
        table=quoted_table(model),
        key=quoted_column(model, model._meta.pk.name),
        token=quoted_column(model, token),
        marker=quoted_column(model, marker),
        as_text=as_text,
        may_be_null=bool(getattr(field, "null", False)),
        may_be_empty=as_text is not None and bool(getattr(field, "blank", False)),
        is_unique=bool(getattr(field, "unique", False)) or _is_constrained(model, token),
    )


def quoted_columns(model: Model, values: Mapping[str, str]) -> dict[str, str]:
    """Return the values by quoted columns instead of fields. Raises FieldDoesNotExist."""
    return {quoted_column(model, name): value for name, value in values.items()}


def _is_constrained(model: Model, token: str) -> bool:
    meta = (model._meta.concrete_model or model)._meta
    return any(
        each.fields == (token,) and each.deferrable is None
        for each in meta.total_unique_constraints
    )


def _as_text(field: Field[Any, Any]) -> str | None:
    if isinstance(field, CharField | TextField):
        return ""
    return None if field.get_internal_type() in NOT_TEXT else "::text"
