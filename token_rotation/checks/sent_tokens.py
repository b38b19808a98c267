"""Checks of tokens that the application chooses, ``guard(..., accept="sent")``.

A leaked token is refused only if it was kept when it was replaced.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError
from django.db.models import Model
from django.db.models.functions import Coalesce

from token_rotation.checks.migrating import is_migrating
from token_rotation.errors import RotationError
from token_rotation.models import RetiredToken
from token_rotation.operations.models import BatchOperation
from token_rotation.run.recording.record import OPERATION_TYPE, briefly
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import target_of
from token_rotation.triggers.guard import GuardPair, guards_of
from token_rotation.triggers.retired import KeepDeleted, KeepRetired, RefuseRetired
from token_rotation.triggers.truth_table.words import Accept

MEND = 'Take accept="sent" out of its guard().'


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


@register(Tags.database)
def check_kept_since_the_start(
    databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Return one message for each token whose first rotation kept nothing.

    Silent while ``migrate`` runs, which makes the tables that it reads.
    """
    if is_migrating():
        return []
    return [
        message
        for alias in databases or ()
        for model, pair in _accepting(apps.get_models())
        for message in _of_database(model, pair, alias)
    ]


def _of_database(model: type[Model], pair: GuardPair, alias: str) -> Iterator[CheckMessage]:
    try:
        target = target_of(model, alias, pair.update.token)
        with briefly(alias):
            operation = None if target is None else _first_rotation(target)
            if target is None or operation is None or _had_kept(target, operation):
                return
    except (DatabaseError, RotationError):
        return  # the checks of the database say what is wrong
    yield Error(
        f"{target.label}: operation {operation.pk} replaced tokens that were not kept, or they are "
        "no longer. Whoever sends one of them would have it stored.",
        hint=f"{MEND} Nothing can tell these tokens from new ones.",
        id="token_rotation.E026",
    )


def _first_rotation(target: Target) -> BatchOperation | None:
    rotations = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE)
    changed = rotations.filter(input_data__contains={"model": target.label}, progress_done__gt=0)
    timed = changed.annotate(last_seen_at=Coalesce("finished_at", "heartbeat_at"))
    return timed.order_by("started_at").first()


def _had_kept(target: Target, operation: Any) -> bool:
    kept = RetiredToken.objects.using(target.database)
    source = f"{target.table}.{target.token_column}"
    return kept.filter(source=source, retired_at__lte=operation.last_seen_at).exists()


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
