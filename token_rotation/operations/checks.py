"""System checks of the Celery settings behind the tasks' promises."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from token_rotation.operations.actions.registry import registry
from token_rotation.operations.options import option
from token_rotation.operations.queue.limits import (
    time_limit_seconds,
    visibility_timeout_seconds,
)


@register("celery")
def check_celery_settings(**_: Any) -> list[CheckMessage]:
    """Check Celery's settings if the project has asynchronous work.

    Without such work it checks nothing. Celery itself is not needed.
    """
    if option("OPERATIONS_CELERY_APP") is None:
        return []
    return [*_limits(), *_visibility_timeout(), *_lease()]


def _limits() -> list[CheckMessage]:
    soft = getattr(settings, "CELERY_TASK_SOFT_TIME_LIMIT", None)
    hard = getattr(settings, "CELERY_TASK_TIME_LIMIT", None)
    if soft is not None and hard is not None and 0 < soft < hard:
        return []
    return [
        Error(
            f"The soft time limit ({soft}) is not shorter than the hard one ({hard}).",
            hint="Set CELERY_TASK_SOFT_TIME_LIMIT and CELERY_TASK_TIME_LIMIT.",
            id="token_rotation_operations.E001",
        )
    ]


def _visibility_timeout() -> list[CheckMessage]:
    """Check that the visibility timeout is long enough.

    An unacknowledged task may wait for its retry and then run up to its hard limit.
    """
    visible_after = visibility_timeout_seconds()
    wait = max(option("OPERATIONS_RETRY_BACKOFF_MAX_SECONDS"), option("OPERATIONS_LEASE_SECONDS"))
    limits = {group.name: time_limit_seconds(group) for group in registry}
    limits["any task"] = float(getattr(settings, "CELERY_TASK_TIME_LIMIT", None) or "inf")
    return [
        Error(
            f"The visibility timeout of {visible_after:g} s is not longer than {name} may take:"
            f" {wait:g} s of waiting and {limit:g} s of running. Redis would deliver it again.",
            hint="Raise visibility_timeout in CELERY_BROKER_TRANSPORT_OPTIONS, or lower the limit.",
            id="token_rotation_operations.E002",
        )
        for name, limit in limits.items()
        if visible_after <= wait + limit
    ]


def _lease() -> list[CheckMessage]:
    lease, stalled = option("OPERATIONS_LEASE_SECONDS"), option("OPERATIONS_STALLED_SECONDS")
    longest = lease + option("OPERATIONS_RETRY_BACKOFF_MAX_SECONDS")
    if stalled > longest:
        return []
    return [
        Error(
            f"Operations are reported as stalled after {stalled:g} s. One that waits for its retry"
            f" may be silent for {longest:g} s.",
            hint="Raise OPERATIONS_STALLED_SECONDS.",
            id="token_rotation_operations.E003",
        )
    ]
