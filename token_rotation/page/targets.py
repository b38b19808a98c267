"""The targets that the page shows."""

from __future__ import annotations

from django.apps import apps
from django.db import router

from token_rotation.errors import UnknownTargetError
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets


def shown_targets() -> tuple[Target, ...]:
    """Return the rotating tokens of installed models.

    Each is on the database it is written to. Raises TokenSourceError as ``find_targets`` does.
    """
    aliases = dict.fromkeys(router.db_for_write(model) for model in apps.get_models())
    try:
        found = [target for alias in aliases for target in find_targets(alias)]
    except UnknownTargetError:
        return ()
    return tuple(target for target in found if target.database == _written_to(target))


def target_labelled(label: str) -> Target | None:
    """Return the shown target with that label, or None."""
    return next((target for target in shown_targets() if target.label == label), None)


def _written_to(target: Target) -> str:
    app_label, model_name, *_ = target.label.split(".")
    return str(router.db_for_write(apps.get_model(app_label, model_name)))
