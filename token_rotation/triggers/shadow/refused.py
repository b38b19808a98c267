"""What a shadow column cannot be, though each of its expressions compiles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError
from django.db.models import DateTimeField, Field

if TYPE_CHECKING:
    from token_rotation.triggers.shadow.compiled import CompiledShadow


def ensure_marker(field: Field[Any, Any]) -> None:
    """Raise FieldError for a marker that cannot say when a row was filled, or that it was not."""
    if not isinstance(field, DateTimeField) or not field.null:
        raise FieldError(f"{field.name} is no DateTimeField with null=True")


def ensure_of_one_row(name: str, resolved: Any) -> None:
    """Raise FieldError for an expression over several rows: an UPDATE takes none."""
    if resolved.contains_aggregate or resolved.contains_over_clause:
        raise FieldError(f"{name} needs a subquery, not an aggregate or a window of its own")


def ensure_told_apart(compiled: CompiledShadow) -> None:
    """Raise FieldError where a filled column is read, as it was before: that value is stale."""
    if not compiled.values:
        raise FieldError("set names no field")
    if compiled.marker in compiled.values:
        raise FieldError("set names the marker")
    for filled in compiled.values:
        name = f'"{compiled.table}"."{filled}"'
        readers = [each for each, sql in compiled.values.items() if name in sql.text]
        if compiled.pending is not None and name in compiled.pending.text:
            readers.append("pending")
        reader = next((each for each in readers if each != filled), None)
        if reader is not None:
            raise FieldError(f"{reader} reads {filled} as it was before it is filled")
