"""Steps that take away what a guard had that is no longer declared.

The column's index of pending rows goes with the column, in the transaction that drops the triggers:
a refusal, because rows are pending, leaves the whole guard at work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.migrations import AddIndex, AlterField, RemoveField, RemoveIndex
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field

from token_rotation.makemigrations.foreign import ForeignMarker, Guarding, Standing
from token_rotation.makemigrations.guarded import ModelKey, pending_index_names
from token_rotation.makemigrations.steps import Place, Step, column_of, polite_alteration
from token_rotation.schema import OnTableOf, RemoveIndexConcurrentlyPolitely, RemoveMarkerPolitely
from token_rotation.schema.pending.markers import may_be_marker
from token_rotation.selection.target import EVERY_ROW_HAS_A_TOKEN
from token_rotation.targets.absent import absent_of
from token_rotation.triggers.guard_triggers import UpdateGuard
from token_rotation.triggers.names import names_column, trigger_name


@dataclass(frozen=True)
class Leaving:
    """A guard that a kept model no longer declares, with what it had until now."""

    model: ModelKey
    token: str
    token_before: Field[Any, Any]
    marker: str
    index_names: frozenset[str]

    @property
    def may_be_absent(self) -> bool:
        return absent_of(self.token_before) != EVERY_ROW_HAS_A_TOKEN


def leaving(
    state: ProjectState, before: ModelKey, model: ModelKey, declared: set[str]
) -> Iterator[Leaving]:
    """Yield the guards of a model's own columns whose triggers are not ``declared`` any more."""
    found = state.models[before]
    for trigger in found.options.get("triggers", []):
        for token, field in found.fields.items():
            if trigger.name != trigger_name(UpdateGuard.name, token) or trigger.name in declared:
                continue
            for marker in _markers(found.fields, trigger):
                names = pending_index_names(state, before, marker, field, token)
                names |= {
                    index.name
                    for index in found.options.get("indexes", [])
                    if marker in (name.lstrip("-") for name in index.fields)
                }
                yield Leaving(model, token, field, marker, names)


def left_by(
    operation: Operation, guard: Leaving, operations: Sequence[Operation]
) -> Iterator[Step]:
    """Yield the step that replaces an operation; none if it does not concern the guard."""
    model = guard.model[1]
    if getattr(operation, "model_name", "").lower() != model:
        return
    match operation:
        case RemoveField(name=guard.marker):
            token = guard.token if guard.may_be_absent else None
            remove = RemoveMarkerPolitely(model, guard.marker, token)
            yield Step(model, Place.LEFT_MARKER, remove)
        case RemoveIndex(name=name) if name in guard.index_names:
            goes = any(
                isinstance(each, RemoveField)
                and (each.model_name_lower, each.name) == (model, guard.marker)
                for each in operations
            )
            remove_index = RemoveIndexConcurrentlyPolitely(model, name, with_column=goes)
            yield Step(model, Place.LEFT_INDEX if goes else Place.OLD_INDEX, remove_index)
        case AlterField(name=guard.token, field=field):
            if column_of(field) == column_of(guard.token_before):
                yield Step(model, Place.TOKEN_DEFAULT, polite_alteration(operation))


def left_behind(
    marker: ForeignMarker, guard: Guarding | None, found: Standing, *, is_last: bool
) -> Iterator[Step]:
    """Yield the steps that take a marker from another app's table.

    ``is_last`` says that no guard stays on that table.
    """
    (app_label, model), name, add = marker.model, marker.name, found.markers[marker]
    together = model if guard is None else guard.proxy
    for index in found.indexes.get((marker.owner, marker.model), []):
        is_its = _is_about(index, name)
        if is_its or (is_last and index.index.condition is None):
            drop = RemoveIndexConcurrentlyPolitely(model, index.index.name, with_column=is_its)
            yield Step(
                together,
                Place.LEFT_INDEX if is_its else Place.OLD_INDEX,
                OnTableOf(app_label, [drop], assuming=[add, index]),
            )
    remove = RemoveMarkerPolitely(model, name, None if guard is None else guard.token)
    yield Step(together, Place.LEFT_MARKER, OnTableOf(app_label, [remove], assuming=[add]))


def _markers(fields: dict[str, Field[Any, Any]], trigger: Any) -> Iterator[str]:
    for name, field in fields.items():
        if may_be_marker(field) and names_column(trigger, field.db_column or name):
            yield name


def _is_about(index: AddIndex, marker: str) -> bool:
    condition = index.index.condition
    return condition is not None and (f"{marker}__isnull", True) in condition.children
