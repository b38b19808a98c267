"""Guards that a change of the models concerns.

They are as ``makemigrations`` sees them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.migrations.state import ProjectState
from django.db.models import Field, Q

from token_rotation.triggers.guard import (
    GuardPair,
    InsertGuard,
    MoveGuard,
    SentGuard,
    UpdateGuard,
    guards_of,
)
from token_rotation.triggers.names import Column, Marker, trigger_name
from token_rotation.triggers.retired import KeepMoved, KeepRetired, RefuseRetired

KINDS = (
    *(InsertGuard, UpdateGuard, MoveGuard, SentGuard),
    *(RefuseRetired, KeepRetired, KeepMoved),
)
OUR_TRIGGERS = tuple(each.name for each in KINDS)

ModelKey = tuple[str, str]
"""App label and the model's name in lower case."""


@dataclass(frozen=True)
class Table:
    """The model that a proxy stands for."""

    app_label: str
    model_name: str
    name: str
    key: str


@dataclass(frozen=True)
class Guarded:
    """One guard on a table that already exists.

    ``known`` are the names of its triggers that migrations have installed. ``token_before`` is the
    token's field until now, and ``token_name_before`` its name. ``is_renamed`` is True if one of
    its columns gets another name; until the triggers know it, every write fails or goes unguarded.
    ``table`` is set if it is another app's, so that the marker is a column of ours.
    """

    model: ModelKey
    pair: GuardPair
    known: frozenset[str]
    token_before: Field[Any, Any] | None
    token_name_before: str
    is_renamed: bool
    table: Table | None

    @property
    def token(self) -> str:
        return self.pair.update.token

    @property
    def marker(self) -> Marker:
        return self.pair.update.marker

    @property
    def names(self) -> set[str | None]:
        return {trigger.name for trigger in self.pair.triggers}

    @property
    def every_name(self) -> set[str | None]:
        """Return the names of all its triggers.

        They include those made for the token's previous name.
        """
        tokens = (self.token, self.token_name_before)
        return self.names | {trigger_name(kind, each) for kind in OUR_TRIGGERS for each in tokens}

    @property
    def is_pending(self) -> Q:
        marker = self.marker
        name = marker.name if isinstance(marker, Column) else marker
        return Q((f"{name}__isnull", True))


def pairs_in(state: ProjectState) -> dict[ModelKey, list[GuardPair]]:
    """Return every model's guards.

    Ask early: django-pgtrigger removes triggers of new models.
    """
    found = {
        key: list(guards_of(model.options.get("triggers"))) for key, model in state.models.items()
    }
    return {key: pairs for key, pairs in found.items() if pairs}


def trigger_names(state: ProjectState, model: ModelKey) -> Iterator[str]:
    if model in state.models:
        for trigger in state.models[model].options.get("triggers", []):
            yield trigger.name


def table_of(state: ProjectState, model: ModelKey) -> Table:
    meta = state.apps.get_model(*model)._meta.concrete_model._meta
    return Table(meta.app_label, meta.model_name, meta.db_table, meta.pk.name)
