"""Markers and indexes on other apps' tables, as the migrations of guards have made them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.migrations import AddField, AddIndex, RemoveField, RemoveIndex
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from token_rotation.makemigrations.guarded import ModelKey
from token_rotation.schema import OnTableOf, TogetherPolitely
from token_rotation.triggers.guard_triggers import UpdateGuard
from token_rotation.triggers.names import names_column, trigger_name


class ForeignMarker(NamedTuple):
    """A column that migrations of ``owner``, an app's label, keep on another app's model."""

    owner: str
    model: ModelKey
    name: str


class Guarding(NamedTuple):
    """The proxy that guards a column, and the field of its token."""

    proxy: str
    token: str


@dataclass
class Standing:
    """What the migrations up to now have made and not removed."""

    markers: dict[ForeignMarker, AddField] = field(default_factory=dict)
    indexes: dict[tuple[str, ModelKey], list[AddIndex]] = field(default_factory=dict)


def standing(graph: MigrationGraph) -> Standing:
    """Read the migrations, those of each app in their order."""
    found = Standing()
    for leaf in graph.leaf_nodes():
        for key in graph.forwards_plan(leaf):
            migration = graph.nodes[key] if key[0] == leaf[0] else None
            for operation in _foreign(migration.operations if migration else ()):
                _follow(found, leaf[0], operation)
    return found


def guarding(
    state: ProjectState, markers: Iterable[ForeignMarker]
) -> dict[ForeignMarker, Guarding]:
    """Return which of the markers a trigger of a proxy names in the state of migrations."""
    found = {}
    for marker in markers:
        for (app_label, proxy), model in state.models.items():
            target = concrete(state, (app_label, proxy))
            if (app_label, target) != (marker.owner, marker.model) or target not in state.models:
                continue
            for trigger in model.options.get("triggers", []):
                for token in state.models[target].fields:
                    is_guard = trigger.name == trigger_name(UpdateGuard.name, token)
                    if is_guard and names_column(trigger, marker.name):
                        found[marker] = Guarding(proxy, token)
    return found


def concrete(state: ProjectState, model: ModelKey) -> ModelKey:
    """Return the model whose table a proxy shares, or the model itself."""
    while model in state.models and state.models[model].options.get("proxy"):
        names = (base for base in state.models[model].bases if isinstance(base, str))
        app_label, _, name = next(names).partition(".")
        model = app_label, name.lower()
    return model


def _foreign(operations: Iterable[Operation]) -> Iterator[OnTableOf]:
    for operation in operations:
        match operation:
            case OnTableOf():
                yield operation
            case TogetherPolitely():
                yield from _foreign(operation.operations)


def _follow(found: Standing, owner: str, operation: OnTableOf) -> None:
    for each in operation.operations:
        model = operation.app_label, str(getattr(each, "model_name", "")).lower()
        indexes = found.indexes.setdefault((owner, model), [])
        match each:
            case AddField():
                found.markers[ForeignMarker(owner, model, each.name)] = each
            case RemoveField():
                found.markers.pop(ForeignMarker(owner, model, each.name), None)
            case AddIndex():
                indexes.append(each)
            case RemoveIndex():
                indexes[:] = [other for other in indexes if other.index.name != each.name]
