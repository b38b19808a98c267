"""Read back what the guard stores after an INSERT.

This is for the tables of other apps, whose fields we cannot change, and for derived columns.
"""

from typing import Any

from django.apps import apps
from django.db.models import Model

from token_rotation.triggers.guard import guards_of
from token_rotation.triggers.names import Column


def read_back_foreign_tokens() -> None:
    """Call ``read_back`` for derived columns, and for tokens of other apps.

    The marker of other apps' models is not a field of their own.
    """
    for model in apps.get_models():
        for pair in guards_of(getattr(model._meta, "triggers", [])):
            if isinstance(pair.update.marker, Column):
                read_back(model, pair.update.token)
            for name in pair.update.derived:
                read_back(model, name)


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
