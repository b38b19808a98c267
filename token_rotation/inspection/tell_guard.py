"""Tell the security log of a guard that does not guard."""

from __future__ import annotations

from collections.abc import Iterable

from token_rotation.inspection.problem import Problem
from token_rotation.security_log import SecurityEvent, tell
from token_rotation.selection.target import Target

EVENTS = {
    "token_rotation.E003": SecurityEvent.GUARD_DISABLED,
    "token_rotation.E004": SecurityEvent.GUARD_DISABLED,
    "token_rotation.E030": SecurityEvent.GUARD_ALTERED,
}
"""By the id of the system check: missing, disabled, changed."""


def tell_guard(target: Target, problems: Iterable[Problem]) -> None:
    """Log an event for each trigger of the guard that is missing, disabled or changed."""
    for problem in problems:
        event = EVENTS.get(problem.code)
        if event is not None:
            tell(
                event,
                problem.sentence,
                target=target.label,
                database=target.database,
                check=problem.code,
            )
