"""Limits on the wait and the run of a task.

After them Redis delivers it again.
"""

from __future__ import annotations

from django.conf import settings

from token_rotation.operations.actions.group import ActionGroup
from token_rotation.operations.errors import InputError

LONGEST_ATTEMPT_SECONDS = 300.0


def visibility_timeout_seconds() -> float:
    """Return the visibility timeout in seconds.

    Redis delivers an unacknowledged task again after this time; kombu's default is an hour.
    """
    transport = getattr(settings, "CELERY_BROKER_TRANSPORT_OPTIONS", {})
    return float(transport.get("visibility_timeout", 3600))


def time_limit_seconds(group: ActionGroup) -> float:
    """Return the hard limit of the group's task, or infinity.

    It is infinite when there is none.
    """
    limit = group.time_limit_seconds or getattr(settings, "CELERY_TASK_TIME_LIMIT", None)
    return float("inf") if limit is None else float(limit)


def attempt_seconds() -> float:
    """Return how long one attempt at long work may take, well below the soft time limit.

    The next attempt goes on with the rest.
    """
    limit = getattr(settings, "CELERY_TASK_SOFT_TIME_LIMIT", None)
    return LONGEST_ATTEMPT_SECONDS if limit is None else min(LONGEST_ATTEMPT_SECONDS, limit / 2)


def check_countdown(group: ActionGroup, countdown: float) -> None:
    """Check that countdown and run fit the visibility timeout.

    A task that waits is unacknowledged. Raises InputError when it may take too long.
    """
    longest = visibility_timeout_seconds() - time_limit_seconds(group)
    if not 0 <= countdown < longest:
        raise InputError(f"a countdown is from 0 to {longest:g} seconds, not {countdown:g}")
