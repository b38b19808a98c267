"""Install the hooks that watch an application's own changes of tokens."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.db.models import Model

from token_rotation.declare.guarded import find_guarded, guarded_in, register
from token_rotation.declare.watching.inserting import watch_inserts
from token_rotation.declare.watching.saving import watch_saves
from token_rotation.declare.watching.updating import watch_updates


def watch(models: Iterable[type[Model]] | None = None) -> None:
    """Watch the guarded tokens of the models; None: all installed ones.

    The models of migrations are no installed ones: their tokens are guarded in the database alone.
    A token that is watched already stays as it is.
    """
    watch_inserts()
    watch_updates()
    for guarded in find_guarded(apps.get_models() if models is None else models):
        if all(each.token is not guarded.token for each in guarded_in(guarded.table_model)):
            register(guarded)
            watch_saves(guarded)
