"""Find operations whose message or worker may be lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from django.db import router
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from token_rotation.operations.actions.registry import registry
from token_rotation.operations.execution.claim import WAITING
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.limits import visibility_timeout_seconds
from token_rotation.operations.record.queryset import BatchOperationQuerySet


def records() -> BatchOperationQuerySet:
    """All operations, where they are written."""
    return BatchOperation.objects.using(router.db_for_write(BatchOperation))


def run_by(names: Sequence[str]) -> Q:
    """Match the operations that groups of these names run."""
    return Q(group_name__in=names) | Q(group_name="", operation_type__in=names)


def sent_by(route: str) -> Q:
    """Match the operations of known groups whose messages go through the queue of this alias."""
    groups = [group.name for group in registry if group.route == route]
    return Q(route=route) & run_by(registry.names()) | Q(route="") & run_by(groups)


def expected(sent: Q) -> BatchOperationQuerySet:
    """Return the operations that nobody took in time.

    The message of each should still be in the queue.
    """
    sent_again = _without_worker() & Q(sent_again__gt=0)
    found = records().filter(sent, send_again_at__lt=Now())
    return found.filter(Q(status=Status.UNPROCESSED) | sent_again)


def certain(sent: Q) -> BatchOperationQuerySet:
    """Return the operations to send again, however many messages the queue holds.

    Each is sent again once by this rule: its worker is gone, or its queue went on without it.
    """
    found = records().filter(sent, sent_again=0)
    is_due = Q(send_again_at__lt=Now())
    left = Q(status=Status.UNPROCESSED) & is_due & (_overtaken(sent) | overdue(_long_wait()))
    unplanned = Q(send_again_at__isnull=True) & overdue(visibility_timeout_seconds())
    return found.filter(_without_worker() | left | unplanned)


def overdue(seconds: float) -> Q:
    """Match operations that no worker started in this time.

    A long queue is not lost as long as workers start operations that were created before.
    """
    long_ago = Now() - timedelta(seconds=seconds)
    ahead_in_the_queue = BatchOperation.objects.filter(
        operation_type=OuterRef("operation_type"),
        created_at__lte=OuterRef("created_at"),
        started_at__gte=long_ago,
    )
    return Q(status=Status.UNPROCESSED, created_at__lt=long_ago) & Q(~Exists(ahead_in_the_queue))


def _overtaken(sent: Q) -> Q:
    """Match operations behind which the queue went on: a younger one was started."""
    younger = BatchOperation.objects.filter(
        sent,
        created_at__gt=OuterRef("created_at"),
        started_at__lt=Now() - timedelta(seconds=option("OPERATIONS_RESEND_SECONDS")),
    )
    return Q(Exists(younger))


def _without_worker() -> Q:
    """Match running operations whose attempt is dead, or whose next one did not begin."""
    lease = timedelta(seconds=option("OPERATIONS_LEASE_SECONDS"))
    pause = timedelta(seconds=option("OPERATIONS_RETRY_BACKOFF_MAX_SECONDS"))
    is_due = Q(send_again_at__isnull=True) | Q(send_again_at__lt=Now())
    dead = ~Q(runner__in=["", WAITING]) & Q(heartbeat_at__lt=Now() - lease) & is_due
    unplanned = Q(send_again_at__isnull=True, heartbeat_at__lt=Now() - lease - pause)
    forgotten = Q(runner=WAITING) & (Q(send_again_at__lt=Now()) | unplanned)
    return Q(status=Status.RUNNING) & (dead | forgotten)


def _long_wait() -> float:
    return min(float(option("OPERATIONS_STALLED_SECONDS")), visibility_timeout_seconds())
