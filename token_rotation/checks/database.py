"""``manage.py check --database ALIAS``: guard and indexes of every target."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004

from token_rotation.errors import RotationError, UnknownTargetError
from token_rotation.inspection.preflight import inspect
from token_rotation.inspection.problem import Problem
from token_rotation.postgres.reading import reading
from token_rotation.targets.discovery import find_targets


@register(Tags.database)
def check_targets(
    databases: Sequence[str] | None = None,
    **_: Any,
) -> list[CheckMessage]:
    """Return one message for each problem.

    Its hint is the command that mends it. Silent while ``migrate`` runs. That command runs the
    checks first and would refuse to work, although it mends most of what they find.
    """
    if sys.argv[1:2] == ["migrate"]:
        return []
    return [message for alias in databases or () for message in _messages(alias)]


def _messages(alias: str) -> list[CheckMessage]:
    messages: list[CheckMessage] = []
    try:
        for target in find_targets(alias):
            with reading(alias) as connection:
                state = inspect(connection, target)
            messages += [_message(Error, problem, target.label) for problem in state.problems]
            messages += [_message(Warning, warning, target.label) for warning in state.warnings]
    except UnknownTargetError:
        return []
    except RotationError as error:
        return [Error(str(error), hint=f"Database {alias!r}.", id="token_rotation.E000")]
    return messages


def _message(kind: type[Error | Warning], problem: Problem, label: str) -> CheckMessage:
    return kind(f"{label}: {problem.sentence}.", hint=f"Run: {problem.mend}", id=problem.code)
