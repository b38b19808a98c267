"""Refuse a retired token while a form can still say so."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import connections, router
from django.db.models import Field, Model

from token_rotation.declare.guarded import find_guarded, is_absent
from token_rotation.declare.watching.loaded import LoadedValue, keep_watch
from token_rotation.retired.kept import is_retired, keeps_retired


def watch_validation() -> None:
    """Let ``full_clean()`` refuse retired tokens that ``save()`` would send.

    Forms and the admin call it. It is for tokens that the application chooses: PostgreSQL refuses a
    retired one, and the user's other changes would be lost.
    """
    for guarded in find_guarded(apps.get_models()):
        if guarded.accepts_sent and keeps_retired(guarded.guarding):
            _watch(guarded.token)


def _watch(field: Field[Any, Any]) -> None:
    if getattr(field.clean, "func", None) is not _clean:
        field.clean = partial(  # type: ignore[method-assign]
            _clean, field, keep_watch(field), field.clean
        )


def _clean(
    field: Field[Any, Any],
    watched: LoadedValue,
    clean: Callable[[Any, Model | None], Any],
    value: Any,
    instance: Model | None,
) -> Any:
    """Return the valid value; raise ValidationError for a retired token, without naming it."""
    cleaned = clean(value, instance)
    if is_absent(cleaned) or not isinstance(instance, field.model):
        return cleaned
    if watched.is_loaded(instance, cleaned):
        return cleaned  # not sent: the stored one stays
    database = instance._state.db or router.db_for_write(  # noqa: SLF001  (Django documents it)
        type(instance), instance=instance
    )
    if connections[database].vendor == "postgresql" and is_retired(cleaned, database=database):
        raise ValidationError(
            "This value was replaced and cannot be used again. "
            "Reload the page, or enter another value.",
            code="retired",
        )
    return cleaned
