"""Separate the steps of guards from a migration.

Order the rest around them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from django.db.migrations import AlterModelTable, CreateModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.models import IndexOperation
from pgtrigger.migrations import AddTrigger, RemoveTrigger

from token_rotation.makemigrations.guarded import OUR_TRIGGERS, Guarded
from token_rotation.makemigrations.leaving import Leaving, left_by
from token_rotation.makemigrations.steps import Step, removal, steps_of


@dataclass
class Parts:
    """Operations of a migration: before the steps of guards, the steps, after."""

    before: list[Operation] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    after: list[Operation] = field(default_factory=list)


@dataclass(frozen=True)
class Changing:
    """What changes in an app: the guards that it has, and what it has no more.

    ``left`` are steps that stand among the operations already. ``moved`` names the new proxy of
    each old one.
    """

    guards: Sequence[Guarded] = ()
    leaving: Sequence[Leaving] = ()
    left: Sequence[Step] = ()
    moved: Mapping[str, str] = field(default_factory=dict)

    def steps_of(self, operation: Operation, operations: Sequence[Operation]) -> list[Step]:
        """Return the steps that replace an operation; none if it concerns no guard."""
        return (
            [each for each in self.left if each.operation is operation]
            or [step for guard in self.guards for step in steps_of(operation, guard)]
            or [step for each in self.leaving for step in left_by(operation, each, operations)][:1]
        )


def take_apart(app_label: str, operations: Sequence[Operation], changing: Changing) -> Parts:
    """Sort the operations of a migration; ``changing`` is its app.

    Other operations keep their order. Those that may need what a step makes or removes come after
    the steps, and so do all later ones on the same models. If a column gets another name, the
    transaction that renames it also makes its triggers anew. A trigger of somebody else that is
    made anew, such as one of an audit, is dropped and made after the steps, in one transaction: no
    write passes without it.
    """
    parts = Parts()
    guards = changing.guards
    remade = _made_anew(operations, guards)
    unguarded = {
        operation.model_name_lower
        for operation in operations
        if is_ours(operation)
        and not _is_replaced(operation, operations, guards)
        and not _follows_a_new_name(operation, guards)
    }
    for operation in operations:
        steps = changing.steps_of(operation, operations)
        if (
            _names_its_table(operation, guards)
            or _follows_a_new_name(operation, guards)
            or _makes_its_proxy(operation, guards)
        ):
            parts.before.append(operation)
        elif steps:
            parts.steps += steps
        elif _is_replaced(operation, operations, guards):
            continue
        elif is_ours(operation):
            parts.steps.append(removal(operation, changing.moved))
        elif _trigger_of(operation) in remade or (
            (parts.steps and _may_need(operation, guards))
            or (parts.after and _is_about(operation, guards))
            or any(_reaches(operation, model, app_label) for model in unguarded)
        ):
            parts.after.append(operation)
        else:
            parts.before.append(operation)
    return parts


def _made_anew(
    operations: Sequence[Operation], guards: Sequence[Guarded]
) -> set[tuple[str, str] | None]:
    """Return the triggers of guarded models that are dropped and made."""
    removed, added = (
        {_trigger_of(each) for each in operations if isinstance(each, kind)}
        for kind in (RemoveTrigger, AddTrigger)
    )
    models = {guard.model[1] for guard in guards}
    return {each for each in removed & added if each is not None and each[0] in models}


def _trigger_of(operation: Operation) -> tuple[str, str] | None:
    """Return model and name of the trigger that the operation makes or drops."""
    match operation:
        case AddTrigger():
            return operation.model_name.lower(), str(operation.trigger.name)
        case RemoveTrigger():
            return operation.model_name.lower(), str(operation.name)
    return None


def _is_replaced(
    operation: Operation, operations: Sequence[Operation], guards: Sequence[Guarded]
) -> bool:
    """Return True if a step replaces the trigger.

    The table is then never without it.
    """
    if not isinstance(operation, RemoveTrigger):
        return False
    model, name = operation.model_name.lower(), operation.name
    return any(
        model == guard.model[1] and name in guard.every_name and not guard.is_renamed
        for guard in guards
    ) and any(
        isinstance(each, AddTrigger)
        and (each.model_name.lower(), each.trigger.name) == (model, name)
        for each in operations
    )


def _names_its_table(operation: Operation, guards: Sequence[Guarded]) -> bool:
    """Return True if a guarded table gets another name, which its new triggers and indexes use."""
    return isinstance(operation, AlterModelTable) and any(
        operation.name_lower == guard.model[1] for guard in guards
    )


def _follows_a_new_name(operation: Operation, guards: Sequence[Guarded]) -> bool:
    """Return True if the operation follows a column's new name.

    It removes or makes a trigger of a column that is renamed.
    """
    match operation:
        case AddTrigger():
            name = operation.trigger.name
        case RemoveTrigger():
            name = operation.name
        case _:
            return False
    return any(
        guard.is_renamed
        and operation.model_name.lower() == guard.model[1]
        and name in guard.every_name
        for guard in guards
    )


def _makes_its_proxy(operation: Operation, guards: Sequence[Guarded]) -> bool:
    """Return True if the operation makes the proxy that steps put triggers on."""
    return isinstance(operation, CreateModel) and any(
        operation.name_lower == guard.model[1] for guard in guards
    )


COME_FIRST = (_names_its_table, _follows_a_new_name, _makes_its_proxy)


def is_ours(operation: Operation) -> TypeGuard[RemoveTrigger]:
    """Return True if the operation removes one of our triggers."""
    return isinstance(operation, RemoveTrigger) and any(
        operation.name == kind or operation.name.startswith(f"{kind}_") for kind in OUR_TRIGGERS
    )


def _may_need(operation: Operation, guards: Sequence[Guarded]) -> bool:
    return any(
        operation.references_field(guard.model[1], name, guard.model[0])
        for guard in guards
        for name in (guard.token, guard.marker)
        if isinstance(name, str) and _may_reach(operation, guard.model[1])
    )


def _is_about(operation: Operation, guards: Sequence[Guarded]) -> bool:
    return any(_reaches(operation, guard.model[1], guard.model[0]) for guard in guards)


def _reaches(operation: Operation, model: str, app_label: str) -> bool:
    return _may_reach(operation, model) and operation.references_model(model, app_label)


def _may_reach(operation: Operation, model: str) -> bool:
    """Return True if the operation may refer to the model.

    Indexes, constraints and triggers refer to their own table, but do not say so.
    """
    is_on = operation.model_name_lower if isinstance(operation, IndexOperation) else None
    return is_on in {None, model}
