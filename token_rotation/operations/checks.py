"""System checks of the settings behind the promises of tasks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004

from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.options import option
from token_rotation.operations.queue.broker import queues
from token_rotation.operations.queue.limits import (
    LONGEST_ATTEMPT_SECONDS,
    time_limit_seconds,
    visibility_timeout_seconds,
)
from token_rotation.operations.queue.tasks_api import task_backend

RQ_SECONDS = 180
"""After which RQ ends a job, unless its queue says otherwise."""


@register("celery")
def check_celery_settings(**_: Any) -> list[CheckMessage]:
    """Check Celery's settings if the project has asynchronous work.

    Without such work it checks nothing. Celery itself is not needed.
    """
    if option("OPERATIONS_CELERY_APP") is None or option("OPERATIONS_TASK_BACKEND") is not None:
        return []
    return [*_limits(), *_visibility_timeout(), *_lease()]


@register("tasks")
def check_task_backend(**_: Any) -> list[CheckMessage]:
    """Check the backend of OPERATIONS_TASK_BACKEND, if there is one."""
    alias = option("OPERATIONS_TASK_BACKEND")
    if alias is None:
        return []
    try:
        backend = task_backend(alias)
    except UnavailableError as error:
        return [
            Error(
                f"Operations cannot run: {error}.",
                hint="Correct TASKS or OPERATIONS_TASK_BACKEND.",
                id="token_rotation_operations.E004",
            )
        ]
    unknown = sorted(set(queues().values()) - backend.queues) if backend.queues else []
    return [*_lease(), *_unknown(alias, unknown), *_lacking(alias, backend), *_rq_timeouts(backend)]


def _unknown(alias: str, queue_names: list[str]) -> list[CheckMessage]:
    if not queue_names:
        return []
    return [
        Error(
            f"The backend {alias!r} of TASKS does not know the queues {', '.join(queue_names)}.",
            hint='Add them to its "QUEUES" (RQ: to RQ_QUEUES, too); "QUEUES": [] allows any.',
            id="token_rotation_operations.E005",
        )
    ]


def _lacking(alias: str, backend: Any) -> list[CheckMessage]:
    lacks = [] if backend.supports_defer else ["countdowns (the watch sends retries)"]
    limited = [group.name for group in registry if group.time_limit_seconds is not None]
    lacks += [f"time limits (of {', '.join(limited)})"] if limited else []
    if not lacks:
        return []
    return [
        Warning(
            f"The backend {alias!r} of TASKS has no {', and no '.join(lacks)}.",
            hint="Where that matters use Celery: leave OPERATIONS_TASK_BACKEND out.",
            id="token_rotation_operations.W001",
        )
    ]


def _rq_timeouts(backend: Any) -> list[CheckMessage]:
    """RQ's own limit would end an attempt that does its share of long work."""
    if type(backend).__name__ != "RQBackend":
        return []
    known = getattr(settings, "RQ_QUEUES", {})
    limits = {name: known[name].get("DEFAULT_TIMEOUT", RQ_SECONDS) for name in known}
    return [
        Error(
            f"RQ ends a job of the queue {name} after {limits[name]} s, and fails its operation."
            f" An attempt takes {LONGEST_ATTEMPT_SECONDS:g} s and longer.",
            hint="Set DEFAULT_TIMEOUT in RQ_QUEUES to -1.",
            id="token_rotation_operations.E006",
        )
        for name in sorted(set(queues().values()) & set(limits))
        if 0 <= limits[name] <= 2 * LONGEST_ATTEMPT_SECONDS
    ]


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
