"""Let Django read the stored token back after an INSERT where the model is another app's."""

from typing import Any

from django.apps import apps
from django.db.models import Model

from token_rotation.triggers.guard import guards_of
from token_rotation.triggers.names import Column


def read_back_foreign_tokens() -> None:
    """For every guarded model whose marker is no field of its own: see ``read_back``."""
    for model in apps.get_models():
        for pair in guards_of(getattr(model._meta, "triggers", [])):
            if isinstance(pair.update.marker, Column):
                read_back(model, pair.update.token)


def read_back(model: type[Model], name: str) -> None:
    """The field holds what is stored after ``create()``, ``bulk_create()``, the first ``save()``.

    The insert guard issues another token than the other app's code has sent; Django reads back only
    fields with a database default, and the field is not ours to give it one. Also for the proxies
    of a model and the model of a proxy, in this process.
    """
    field = model._meta.get_field(name)
    for each in apps.get_models():
        if each._meta.concrete_model is model._meta.concrete_model:
            _read_back(each, field)


def _read_back(model: type[Model], field: Any) -> None:
    # Django has no public way; the list is computed once per model and then kept for good.
    returning = model._meta.db_returning_fields
    if field not in returning:
        model._meta.db_returning_fields = [*returning, field]
