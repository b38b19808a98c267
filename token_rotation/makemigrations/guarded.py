"""Guards that a change of the models concerns.

They are as ``makemigrations`` sees them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.migrations.state import ProjectState
from django.db.models import Field, Index, Q

from token_rotation.declare.pending_index import pending_rows
from token_rotation.selection.target import Absent
from token_rotation.targets.absent import absent_of
from token_rotation.triggers.guard import GuardPair, guards_of
from token_rotation.triggers.guard_triggers import InsertGuard, MoveGuard, SentGuard, UpdateGuard
from token_rotation.triggers.names import Column, Marker, trigger_name
from token_rotation.triggers.retired import KINDS as RETIRED_KINDS

KINDS = (InsertGuard, UpdateGuard, MoveGuard, SentGuard, *RETIRED_KINDS)
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
    token: str


@dataclass(frozen=True)
class Guarded:
    """One guard on a table that already exists.

    ``known`` are the names of its triggers that migrations have installed. ``token_before`` is the
    token's field until now, and ``token_name_before`` its name. ``is_renamed`` is True if one of
    its columns gets another name; until the triggers know it, every write fails or goes unguarded.
    ``table`` is set if it is another app's, so that the marker is a column of ours. ``absent`` says
    which values of the token's field are no token; ``index_names`` are those of its pending indexes
    until now. ``adds_marker`` is False if that column of ours stands already.
    """

    model: ModelKey
    pair: GuardPair
    known: frozenset[str]
    token_before: Field[Any, Any] | None
    token_name_before: str
    is_renamed: bool
    table: Table | None
    absent: Absent
    index_names: frozenset[str]
    adds_marker: bool

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
        """Return the condition of its pending index."""
        return pending_rows(_name(self.marker), self.token, self.absent)

    def is_pending_index(self, index: Index) -> bool:
        """Return True for its pending index, also for one that holds rows without a token."""
        return index.condition in (self.is_pending, pending_rows(_name(self.marker)))


def pending_index_names(
    state: ProjectState, model: ModelKey, marker: str, token: Field[Any, Any] | None, name: str
) -> frozenset[str]:
    """Return the names of a token's pending indexes; ``name`` is the token's."""
    if model not in state.models:
        return frozenset()
    conditions = [pending_rows(marker)]
    if token is not None:
        conditions.append(pending_rows(marker, name, absent_of(token)))
    indexes = state.models[model].options.get("indexes", [])
    return frozenset(index.name for index in indexes if index.condition in conditions)


def _name(marker: Marker) -> str:
    return marker.name if isinstance(marker, Column) else marker


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


def table_of(state: ProjectState, model: ModelKey, token: str) -> Table:
    meta = state.apps.get_model(*model)._meta.concrete_model._meta
    column = meta.get_field(token).column
    return Table(meta.app_label, meta.model_name, meta.db_table, meta.pk.name, column)


def token_field(state: ProjectState, model: ModelKey, token: str) -> Field[Any, Any]:
    """Return the field of a token, also of one that a proxy guards."""
    found = state.models[model].fields.get(token)
    if found is None:
        found = state.apps.get_model(*model)._meta.get_field(token)
    field: Field[Any, Any] = found
    return field
