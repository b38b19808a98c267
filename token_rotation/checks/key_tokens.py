"""Obstacles to rotating a token that is the primary key.

Its rows must keep their table, refuse a replaced token in an INSERT, and be found by nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import CharField, Field, Model, TextField, UUIDField

from token_rotation.triggers.guard import GuardPair, guards_of
from token_rotation.triggers.names import Column
from token_rotation.triggers.retired import KeepRetired
from token_rotation.triggers.truth_table.words import Accept

HOW_TO = "docs/how-to/tokens-as-keys.md"
_SESSION_FIELDS = {"session_key", "session_data", "expire_date"}


def key_token_obstacles(
    model: type[Model], token: Field[Any, Any], pair: GuardPair
) -> Iterator[str]:
    """Yield a sentence for each obstacle; none where the token is not the primary key."""
    if not token.primary_key:
        return
    name = token.name
    if {field.name for field in model._meta.concrete_fields} >= _SESSION_FIELDS:
        yield f"{name} names a session that a cookie holds: delete the rows instead ({HOW_TO})."
        return
    if not isinstance(token, CharField | TextField | UUIDField):
        yield f"{name} is a primary key that is neither text nor UUID: it cannot rotate."
    if not isinstance(pair.update.marker, Column):
        yield (
            f"{name} is the primary key: declare its guard in a proxy, with Column(...) as its "
            f"marker ({HOW_TO})."
        )
    yield from _of_guard(model, name, pair)
    if (model._meta.all_parents and not model._meta.proxy) or _children(token.model):
        yield f"{name} is the primary key, and a parent or child model refers to it."


def _of_guard(model: type[Model], name: str, pair: GuardPair) -> Iterator[str]:
    triggers = getattr(model._meta, "triggers", [])
    kept = any(isinstance(each, KeepRetired) and each.token == name for each in triggers)
    if pair.insert.accept is not Accept.SENT or not kept:
        yield (
            f"{name} is the primary key: a stale save() would insert the replaced one. Declare "
            f"guard(..., accept='sent') and keep_retired() ({HOW_TO})."
        )
    if _guards_on_table_of(model) > 1:
        yield f"{name} is the primary key, so no other token of its table can rotate."
    if pair.insert.partitioned:
        yield f"{name} is the primary key: declare it without partitioned=True."


def _guards_on_table_of(model: type[Model]) -> int:
    """Count the guards of the models of a table: each walks over its keys."""
    return sum(
        len(list(guards_of(getattr(each._meta, "triggers", []))))
        for each in model._meta.apps.get_models()
        if each._meta.concrete_model is model._meta.concrete_model
    )


def _children(model: type[Model]) -> list[type[Model]]:
    return [
        each
        for each in model._meta.apps.get_models()
        if model in each._meta.parents and not each._meta.proxy
    ]
