"""Find the declared shadow columns of a database."""

from __future__ import annotations

from collections.abc import Iterable

from django.apps import apps
from django.db.models import Model

from token_rotation.errors import UnknownTargetError
from token_rotation.selection.selection import Selection
from token_rotation.selection.shadow import Assigned, Shadow, SourceTable
from token_rotation.selection.target import GuardTrigger
from token_rotation.targets.discovery import targets_of
from token_rotation.targets.guard_trigger import guard_trigger
from token_rotation.targets.labels import named
from token_rotation.triggers.shadow.column import ShadowColumn
from token_rotation.triggers.shadow.compiled import compile_shadow
from token_rotation.triggers.shadow.fill_triggers import OfAShadow
from token_rotation.triggers.shadow.registry import every_shadow


def find_shadows(database: str, labels: Iterable[str] = ()) -> list[Shadow]:
    """Return the shadow columns on an alias, or those of the labels, each once.

    A label is "app.Model" or "app.Model.field", in any case. Raises UnknownTargetError.
    """
    shadows = [_shadow(each, database) for each in every_shadow()]
    if not shadows:
        raise UnknownTargetError("no installed model declares a ShadowColumn")
    chosen = {
        each.label: each
        for label in labels
        for each in named(shadows, label, labels_of=_labels, kind="shadow column")
    }
    return list(chosen.values()) or shadows


def _labels(shadow: Shadow) -> set[str]:
    label = shadow.label.lower()
    return {label, label.rpartition(".")[0]}


def _shadow(declared: ShadowColumn, database: str) -> Shadow:
    compiled = compile_shadow(declared)
    model = declared.model
    secret = {each.token_column for each in targets_of(model, database)}
    if secret & {compiled.key, *compiled.values}:
        raise UnknownTargetError(
            f"the ShadowColumn {declared.marker!r} of {declared.model_label} cannot be used: "
            "key or field is a rotating token"
        )
    first = next(iter(declared.values))
    return Shadow(
        label=f"{model._meta.label}.{first}",
        database=database,
        table=compiled.table,
        key_column=compiled.key,
        marker_column=compiled.marker,
        assigned=tuple(Assigned(*each) for each in compiled.values.items()),
        guard_triggers=_triggers_of(model, declared),
        sources=tuple(_sources(declared)),
        unfollowed=tuple(_unfollowed(declared)),
        selection=Selection(condition=compiled.pending),
    )


def _sources(declared: ShadowColumn) -> Iterable[SourceTable]:
    for model in apps.get_models():
        triggers = _triggers_of(model, declared)
        if triggers and model is not declared.model:
            yield SourceTable(model._meta.db_table, triggers)


def _unfollowed(declared: ShadowColumn) -> Iterable[str]:
    """Yield the tables that the SQL reads, as it seems, and that no trigger follows."""
    compiled = compile_shadow(declared)
    for model in apps.get_models(include_auto_created=True):
        table = model._meta.db_table
        is_followed = model is not declared.model and _triggers_of(model, declared)
        if compiled.reads(table) and not is_followed:
            yield table


def _triggers_of(model: type[Model], declared: ShadowColumn) -> tuple[GuardTrigger, ...]:
    listed = getattr(model._meta, "triggers", [])
    ours = (each for each in listed if isinstance(each, OfAShadow) and each.shadow is declared)
    return tuple(guard_trigger(model, each) for each in ours)
