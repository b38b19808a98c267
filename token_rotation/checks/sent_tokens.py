"""Checks of tokens that the application chooses, ``guard(..., accept="sent")``.

A leaked token is refused only if it was kept when it was replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db.models import Model

from token_rotation.triggers.guard import GuardPair, guards_of
from token_rotation.triggers.retired import KeepDeleted, KeepRetired, RefuseRetired
from token_rotation.triggers.truth_table.words import Accept


@register(Tags.models)
def check_retired_are_kept(
    app_configs: Sequence[AppConfig] | None = None, **_: Any
) -> list[CheckMessage]:
    """Return one message for each token that is chosen and not kept when it is replaced."""
    chosen = app_configs if app_configs is not None else apps.get_app_configs()
    return [
        Error(
            f"Its guard accepts the {pair.update.token} that is sent, but replaced ones are not "
            "kept: a leaked token could come back.",
            hint=f"Add *keep_retired({pair.update.token!r}, ...) to its triggers.",
            obj=model,
            id="token_rotation.E025",
        )
        for model, pair in _accepting(model for app in chosen for model in app.get_models())
        if not _keeps(model, pair)
    ]


@register(Tags.models)
def check_unique_at_once(
    app_configs: Sequence[AppConfig] | None = None, **_: Any
) -> list[CheckMessage]:
    """Return one message for each token that is chosen and whose uniqueness may wait for COMMIT.

    An INSERT of a token that another session is replacing waits for that session there only, after
    the guard's last look.
    """
    chosen = app_configs if app_configs is not None else apps.get_app_configs()
    return [
        Error(
            f"Its guard accepts the {pair.update.token} that is sent, but the constraint "
            f"{constraint.name} can be deferred: a leaked token could come back while it is "
            "replaced.",
            hint="Take deferrable=... out of the constraint.",
            obj=model,
            id="token_rotation.E027",
        )
        for model, pair in _accepting(model for app in chosen for model in app.get_models())
        for constraint in (model._meta.concrete_model or model)._meta.total_unique_constraints
        if constraint.fields == (pair.update.token,) and constraint.deferrable is not None
    ]


def _accepting(models: Any) -> Iterator[tuple[type[Model], GuardPair]]:
    for model in models:
        for pair in guards_of(getattr(model._meta, "triggers", [])):
            if pair.insert.accept is Accept.SENT:
                yield model, pair


def _keeps(model: type[Model], pair: GuardPair) -> bool:
    needed = {RefuseRetired, KeepRetired, KeepDeleted}
    listed = getattr(model._meta, "triggers", [])
    same = (each for each in listed if getattr(each, "token", None) == pair.update.token)
    return needed <= {type(each) for each in same}
