"""Obstacles to guarding or rotating a table or column."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Field, ForeignObjectRel, Model

from token_rotation.triggers.guard_triggers import InsertGuard


def table_obstacles(model: type[Model]) -> Iterator[str]:
    """Yield a sentence for each obstacle to guarding the table."""
    if not model._meta.managed:
        yield "It is not managed: no migration would create its guard."
    if '"' in model._meta.db_table:
        yield (
            "Its db_table contains a quotation mark. If that names a schema, name the schema in "
            "the search_path of the connection's OPTIONS instead."
        )


def column_obstacles(model: type[Model], token: Field[Any, Any]) -> Iterator[str]:
    """Yield a sentence for each obstacle to changing column values."""
    owner = token.model._meta.concrete_model
    if owner is not model._meta.concrete_model and owner is not None:
        yield f"{token.name} is stored in the table of {owner._meta.label}: guard it there."
        return
    for relation in token.model._meta.related_objects:
        # A constraint to a primary key may follow its changes: the database's check tells.
        follows = token.primary_key and getattr(relation.field, "db_constraint", False)
        if token in _referred_to(relation) and not follows:
            yield f"{token.name} is what {relation.field.model._meta.label} refers to."


def too_short(token: Field[Any, Any], insert: InsertGuard) -> str | None:
    """Return a sentence if fresh tokens are longer than allowed.

    The column's length is the limit. None if they fit.
    """
    if insert.length is None or token.max_length is None or insert.length <= token.max_length:
        return None
    return (
        f"{token.name} has room for {token.max_length} characters, and its fresh tokens have "
        f"{insert.length}: every INSERT would fail."
    )


def _referred_to(relation: ForeignObjectRel) -> tuple[Any, ...]:
    # A many-to-many relation refers through a table of its own and has no such fields.
    return getattr(relation.field, "foreign_related_fields", ())
