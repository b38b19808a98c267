"""Find the columns that hold keys of a model by value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.db.models import Model

from token_rotation.selection.key_reference import KeyReference


def key_references(model: type[Model]) -> tuple[KeyReference, ...]:
    """Return the columns of generic references and of the admin's log.

    A row of the log keeps the key of what was changed, and its text, which may be the key.
    """
    concrete = model._meta.concrete_model
    models = tuple(
        (each._meta.app_label, str(each._meta.model_name))
        for each in apps.get_models()
        if each._meta.concrete_model is concrete
    )
    found = (KeyReference(*columns, models) for columns in _columns())
    return tuple(dict.fromkeys(found))


def _columns() -> Iterator[tuple[str, str, str]]:
    """Yield table, column and the column of its content type."""
    if apps.is_installed("django.contrib.admin"):
        entry = apps.get_model("admin", "LogEntry")
        for name in ("object_id", "object_repr"):
            yield _stored_in(entry, name, "content_type")
    for model in apps.get_models():
        for field in model._meta.private_fields:
            if hasattr(field, "fk_field") and hasattr(field, "ct_field"):
                yield _stored_in(model, field.fk_field, field.ct_field)


def _stored_in(model: type[Model], name: str, type_name: str) -> tuple[str, str, str]:
    field: Any = model._meta.get_field(name)
    type_field: Any = model._meta.get_field(type_name)
    return field.model._meta.db_table, field.column, type_field.column
