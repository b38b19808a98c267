"""What makes a column one whose tokens cannot be rotated, however it is declared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Field, ForeignObjectRel, Model

from token_rotation.triggers.guard import InsertGuard


def unfit_table(model: type[Model]) -> Iterator[str]:
    """A sentence for each reason not to guard a model's table."""
    if not model._meta.managed:
        yield "It is not managed: no migration would make its guard."
    if '"' in model._meta.db_table:
        yield (
            "Its db_table holds a quotation mark. Where that names a schema, name the schema in "
            "the search_path of the connection's OPTIONS instead."
        )


def unfit_column(model: type[Model], token: Field[Any, Any]) -> Iterator[str]:
    """A sentence for each reason not to change the values of a column."""
    owner = token.model._meta.concrete_model
    if owner is not model._meta.concrete_model and owner is not None:
        yield f"{token.name} is stored in the table of {owner._meta.label}: guard it there."
        return
    if token.primary_key:
        yield (
            f"{token.name} is the primary key: a row with another one would be another row to "
            "whatever refers to it. Such tokens can be deleted and issued again, not rotated."
        )
    for relation in token.model._meta.related_objects:
        if token in _referred_to(relation):
            yield f"{token.name} is what {relation.field.model._meta.label} refers to."


def without_room(token: Field[Any, Any], insert: InsertGuard) -> str | None:
    """In a sentence, that fresh tokens are longer than the column allows; None if they are not."""
    if insert.length is None or token.max_length is None or insert.length <= token.max_length:
        return None
    return (
        f"{token.name} has room for {token.max_length} characters, and its fresh tokens have "
        f"{insert.length}: no row could be inserted."
    )


def _referred_to(relation: ForeignObjectRel) -> tuple[Any, ...]:
    # A relation of many to many refers through a table of its own.
    return getattr(relation.field, "foreign_related_fields", ())
