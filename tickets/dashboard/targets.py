"""The targets that the page shows."""

from __future__ import annotations

from django.apps import apps
from django.db import router

from tickets.rotation.discovery import target_of
from tickets.rotation.target import Target


def shown_targets() -> tuple[Target, ...]:
    """One for each installed model with a rotating token, on the database that it is written to.

    Raises TokenSourceError as ``find_targets`` does.
    """
    found = (target_of(model, router.db_for_write(model)) for model in apps.get_models())
    return tuple(target for target in found if target is not None)


def target_labelled(label: str) -> Target | None:
    """The shown target of a model; None where no such model has a rotating token."""
    return next((target for target in shown_targets() if target.label == label), None)
