"""Names of the guarded columns, and of their triggers."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model

LONGEST_TRIGGER_NAME = 47  # PostgreSQL's 63, less what django-pgtrigger puts around it


@dataclass(frozen=True)
class Column:
    """A marker that is a column of another app's table.

    It is no field of that table's model.
    """

    name: str


Marker = str | Column
"""The name of a field, or a column without a field."""


def trigger_name(kind: str, token: str) -> str:
    """Name a token's trigger; the field "token" is not mentioned."""
    if token == "token":
        return kind
    name = f"{kind}_{token}"
    if len(name) > LONGEST_TRIGGER_NAME:
        digest = hashlib.sha256(token.encode()).hexdigest()[:8]
        name = f"{name[: LONGEST_TRIGGER_NAME - 9]}_{digest}"
    return name


def quoted_column(model: Model, field: Marker) -> str:
    """Return the quoted name of the column.

    Raises FieldDoesNotExist if there is none.

    ``model`` is the class: django-pgtrigger passes it and calls its type Model.
    """
    if isinstance(field, Column):
        return _quoted(field.name)
    found = model._meta.get_field(field)
    if not isinstance(found, Field) or found.column is None:
        raise FieldDoesNotExist(f"{model._meta.label}.{field} has no column of its own")
    return _quoted(found.column)


def quoted_table(model: Model) -> str:
    """Return the quoted name of a model's table."""
    return _quoted(model._meta.db_table)


def names_column(trigger: Any, column: str) -> bool:
    """Return True if the SQL of a compiled trigger names the column."""
    return _quoted(column) in str(getattr(trigger, "sql", ""))


def _quoted(column: str) -> str:
    return '"{}"'.format(column.replace('"', '""'))
