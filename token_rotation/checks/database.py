"""``manage.py check --database ALIAS``: guard and indexes of every target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register  # noqa: A004
from django.db import connections, router

from token_rotation.checks.migrating import is_migrating
from token_rotation.errors import RotationError, UnknownTargetError
from token_rotation.inspection.preflight import inspect
from token_rotation.inspection.problem import Problem
from token_rotation.inspection.tell_guard import tell_guard
from token_rotation.postgres.reading import reading
from token_rotation.targets.discovery import find_targets
from token_rotation.triggers.guard import guards_of


@register(Tags.database)
def check_targets(
    databases: Sequence[str] | None = None,
    **_: Any,
) -> list[CheckMessage]:
    """Return one message for each problem.

    Its hint is the command that mends it. Silent while ``migrate`` runs. That command runs the
    checks first and would refuse to work, although it mends most of what they find.
    """
    others = [alias for alias in databases or () if connections[alias].vendor != "postgresql"]
    unguarded = [_without_guard(alias) for alias in others if _has_targets(alias)]
    if is_migrating():
        return unguarded
    served = [alias for alias in databases or () if alias not in others]
    return [*unguarded, *(message for alias in served for message in _messages(alias))]


def _has_targets(alias: str) -> bool:
    return any(
        router.allow_migrate_model(alias, model) and next(guards_of(triggers), None) is not None
        for model in apps.get_models()
        if (triggers := getattr(model._meta, "triggers", []))
    )


def _without_guard(alias: str) -> CheckMessage:
    return Info(
        f"the database {alias!r} is {connections[alias].vendor}: no token is guarded or rotated "
        "there.",
        hint="Only tests should run there.",
        id="token_rotation.I001",
    )


def _messages(alias: str) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    try:
        for target in find_targets(alias):
            with reading(alias) as connection:
                state = inspect(connection, target)
            tell_guard(target, state.wrong)
            messages += [_message(Error, problem, target.label) for problem in state.wrong]
            messages += [_message(Warning, warning, target.label) for warning in state.warnings]
    except UnknownTargetError:
        return []
    except RotationError as error:
        return [Error(str(error), hint=f"Database {alias!r}.", id="token_rotation.E000")]
    return messages


def _message(kind: type[Error | Warning], problem: Problem, label: str) -> CheckMessage:
    return kind(f"{label}: {problem.sentence}.", hint=f"Run: {problem.mend}", id=problem.code)
