"""The expressions of a shadow column as SQL over its own row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import EmptyResultSet, FieldDoesNotExist, FieldError, FullResultSet
from django.db.models import Field, Model, Value
from django.db.models.sql import Query

from token_rotation.errors import UnknownTargetError
from token_rotation.selection.selection import Condition
from token_rotation.triggers.shadow.postgresql import postgresql
from token_rotation.triggers.shadow.refused import (
    ensure_marker,
    ensure_of_one_row,
    ensure_told_apart,
)

if TYPE_CHECKING:
    from token_rotation.triggers.shadow.column import ShadowColumn


@dataclass(frozen=True)
class CompiledShadow:
    """Columns with their SQL, and the condition of the rows to fill.

    Columns of the row are named with its table.
    """

    table: str
    key: str
    marker: str
    values: dict[str, Condition]
    pending: Condition | None
    other_columns: tuple[str, ...]

    @property
    def texts(self) -> Iterator[str]:
        """The SQL of all values and of the condition."""
        yield from (value.text for value in self.values.values())
        if self.pending is not None:
            yield self.pending.text

    @property
    def sources(self) -> list[str]:
        """Return the columns of the row that the SQL may read: those that it names."""
        return [each for each in self.other_columns if any(_names(t, each) for t in self.texts)]

    def reads(self, table: str) -> bool:
        """Return True if a subquery of the SQL reads a table."""
        read = rf'\b(?:FROM|JOIN)\s+"?{re.escape(table)}"?(?!\w)'
        return any(re.search(read, text, re.IGNORECASE) for text in self.texts)


def compile_shadow(shadow: ShadowColumn) -> CompiledShadow:
    """Compile a declaration for PostgreSQL, without asking it.

    Raises UnknownTargetError, one line, for what cannot be used.
    """
    try:
        return _compile(shadow)
    except (FieldDoesNotExist, FieldError, EmptyResultSet, LookupError, TypeError) as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise UnknownTargetError(
            f"the ShadowColumn {shadow.marker!r} of {shadow.model_label} cannot be used: {reason}"
        ) from None


def _compile(shadow: ShadowColumn) -> CompiledShadow:
    model = shadow.model
    values = {
        _field(model, name).column: _value(model, _field(model, name), value)
        for name, value in shadow.values.items()
    }
    ensure_marker(_field(model, shadow.marker))
    marker = _field(model, shadow.marker).column
    columns = (each.column for each in model._meta.concrete_fields)
    compiled = CompiledShadow(
        table=model._meta.db_table,
        key=model._meta.pk.column,
        marker=marker,
        values=values,
        pending=_condition(model, shadow),
        other_columns=tuple(each for each in columns if each not in {*values, marker}),
    )
    ensure_told_apart(compiled)
    for field in model._meta.concrete_fields:
        if field.column in compiled.sources and getattr(field, "generated", False):
            raise FieldError(f"{field.name} is generated, which no trigger sees before the write")
    return compiled


def _field(model: type[Model], name: str) -> Any:
    field = model._meta.get_field(name)
    if not isinstance(field, Field) or field.column is None or field.model is not model:
        raise FieldError(f"{name} is not stored in a column of {model._meta.db_table}")
    return field


def _value(model: type[Model], field: Any, value: Any) -> Condition:
    expression = value
    if not hasattr(value, "resolve_expression"):
        expression = Value(value, output_field=field)
    query = Query(model)
    resolved = expression.resolve_expression(query, allow_joins=False, for_save=True)
    ensure_of_one_row(field.name, resolved)
    text, values = query.get_compiler(connection=postgresql()).compile(resolved)
    return Condition(f"({text})", tuple(values))


def _condition(model: type[Model], shadow: ShadowColumn) -> Condition | None:
    if shadow.pending is None:
        return None
    query = Query(model)
    try:
        where = query.build_where(shadow.pending)
        text, values = query.get_compiler(connection=postgresql()).compile(where)
    except FullResultSet:
        return None
    return Condition(text, tuple(values))


def _names(text: str, column: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", text, re.IGNORECASE) is not None
