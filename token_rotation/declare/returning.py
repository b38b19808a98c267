"""Read back what the guard stores after an INSERT.

This is for fields without a database default: tokens of other apps, whose fields we cannot change;
tokens that may be absent, which a default would issue; and derived columns.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model

from token_rotation.declare.model import has_db_default
from token_rotation.triggers.guard import guards_of


def read_back_what_the_guard_stores() -> None:
    """Call ``read_back`` for each guarded token and derived column without a database default."""
    for model in apps.get_models():
        for pair in guards_of(getattr(model._meta, "triggers", [])):
            for name in (pair.update.token, *pair.update.derived):
                field = _field(model, name)
                if field is not None and not has_db_default(field):
                    read_back(model, field.name)


def _field(model: type[Model], name: str) -> Field[Any, Any] | None:
    try:
        field = model._meta.get_field(name)
    except FieldDoesNotExist:  # the system checks say so
        return None
    return field if isinstance(field, Field) else None


def read_back(model: type[Model], name: str) -> None:
    """Let the field hold the stored value after an INSERT.

    That is after ``create()``, ``bulk_create()`` and ``save()``. The insert guard stores another
    token than the other app's code sent. Django reads back only fields with a database default, and
    we cannot change another app's field. This covers the proxies of a model and the model of a
    proxy, in this process.
    """
    field = model._meta.get_field(name)
    for each in apps.get_models():
        if each._meta.concrete_model is model._meta.concrete_model:
            _read_back(each, field)


def _read_back(model: type[Model], field: Any) -> None:
    # Django has no public way. It computes this list once for each model and keeps it.
    returning = model._meta.db_returning_fields
    if field not in returning:
        model._meta.db_returning_fields = [*returning, field]
