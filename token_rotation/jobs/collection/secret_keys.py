"""Tables whose primary key is a token: no record may hold such a key."""

from __future__ import annotations

from django.db.models import Model

from token_rotation.triggers.guard import guards_of


def is_key_a_token(model: type[Model]) -> bool:
    """Return True if a guard of the model's table, maybe on a proxy, is of its primary key."""
    of_the_table = (each for each in model._meta.apps.get_models() if _table(each) == _table(model))
    return any(
        pair.update.token == model._meta.pk.name
        for each in of_the_table
        for pair in guards_of(getattr(each._meta, "triggers", []))
    )


def _table(model: type[Model]) -> str:
    return model._meta.db_table
