"""Find the tables that hold a part of the same objects as a token's table.

With multi-table inheritance those are the parents' and the children's. Siblings hold other objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Field, Model

from token_rotation.selection.related_table import Join, RelatedTable
from token_rotation.triggers.guard_triggers import UpdateGuard


def related_models(model: type[Model]) -> dict[type[Model], tuple[Join, ...]]:
    """Return each parent and child, and each other parent of a child, with the joins to it."""
    owner = _concrete(model)
    found: dict[type[Model], tuple[Join, ...]] = {owner: ()}
    concrete = [each for each in owner._meta.apps.get_models() if not each._meta.proxy]
    below = [owner]
    for parent in below:
        for child in concrete:
            for above, link in _links(child):
                if above is parent and child not in found:
                    found[child] = (*found[parent], _down(child, parent, link))
                    below.append(child)
    above_them = list(found)
    for child in above_them:
        for parent, link in _links(child):
            if parent not in found:
                found[parent] = (*found[child], _up(child, parent, link))
                above_them.append(parent)
    del found[owner]
    return found


def qualified(field: Field[Any, Any]) -> str:
    """Return the name under which a field of another table is declared."""
    return f"{field.model._meta.label}.{field.name}"


def fields_elsewhere(model: type[Model]) -> dict[str, Field[Any, Any]]:
    """Return the fields of the related tables by their qualified names."""
    fields = (each for other in related_models(model) for each in other._meta.local_concrete_fields)
    return {qualified(field): field for field in fields}


def related_tables(model: type[Model], update: UpdateGuard) -> Iterator[RelatedTable]:
    """Yield the tables of the related models, with what a guard declares of them."""
    for other, joins in related_models(model).items():
        yield RelatedTable(
            other._meta.label,
            joins,
            tuple(
                field.column
                for field in other._meta.local_concrete_fields
                if qualified(field) in update.unrelated
            ),
        )


def _links(child: type[Model]) -> Iterator[tuple[type[Model], Any]]:
    """Yield the parents whose rows a child's table refers to itself."""
    for parent, link in child._meta.parents.items():
        if link is not None and link.model is child:
            yield _concrete(parent), link


def _down(child: type[Model], parent: type[Model], link: Any) -> Join:
    refers, is_referred_to = link.column, link.target_field.column
    return Join(child._meta.db_table, refers, parent._meta.db_table, is_referred_to)


def _up(child: type[Model], parent: type[Model], link: Any) -> Join:
    refers, is_referred_to = link.column, link.target_field.column
    return Join(parent._meta.db_table, is_referred_to, child._meta.db_table, refers)


def _concrete(model: type[Model]) -> type[Model]:
    return model._meta.concrete_model or model
