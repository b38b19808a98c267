"""``manage.py check``: Celery's settings keep the promises that the tasks rely on."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from tickets.batch.dispatch import time_limit_seconds, visibility_timeout_seconds
from tickets.batch.options import option
from tickets.batch.registry import registry


@register("celery")
def check_celery_settings(**_: Any) -> list[CheckMessage]:
    """Silent in a project without asynchronous work. Celery itself is not needed."""
    if option("BATCH_CELERY_APP") is None:
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
            id="batch.E001",
        )
    ]


def _visibility_timeout() -> list[CheckMessage]:
    """An unacknowledged task may wait for its retry and then run up to its hard limit."""
    visible_after = visibility_timeout_seconds()
    wait = max(option("BATCH_RETRY_BACKOFF_MAX_SECONDS"), option("BATCH_LEASE_SECONDS"))
    limits = {group.name: time_limit_seconds(group) for group in registry}
    limits["any task"] = float(getattr(settings, "CELERY_TASK_TIME_LIMIT", None) or "inf")
    return [
        Error(
            f"The visibility timeout of {visible_after:g} s is not longer than {name} may take:"
            f" {wait:g} s of waiting and {limit:g} s of running. Redis would deliver it again.",
            hint="Raise visibility_timeout in CELERY_BROKER_TRANSPORT_OPTIONS, or lower the limit.",
            id="batch.E002",
        )
        for name, limit in limits.items()
        if visible_after <= wait + limit
    ]


def _lease() -> list[CheckMessage]:
    lease, stalled = option("BATCH_LEASE_SECONDS"), option("BATCH_STALLED_SECONDS")
    longest = lease + option("BATCH_RETRY_BACKOFF_MAX_SECONDS")
    if stalled > longest:
        return []
    return [
        Error(
            f"Operations are reported as stalled after {stalled:g} s, though one that waits for its"
            f" retry may be silent for {longest:g} s.",
            hint="Raise BATCH_STALLED_SECONDS.",
            id="batch.E003",
        )
    ]
