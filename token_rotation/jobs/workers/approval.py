"""A second person's approval of a run.

Until then no group of actions has the run, so that no worker can begin it, and no watch sends it.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from token_rotation.jobs.errors import NeedsApprovalError
from token_rotation.jobs.log import APPROVED
from token_rotation.jobs.registry import job_named
from token_rotation.jobs.workers.hand_out import AWAITS
from token_rotation.jobs.workers.sending import ensure_workable, send_out
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.resend_time import resend_at


def approve(operation: BatchOperation, user: Any) -> None:
    """Let workers begin a run that another person has asked for.

    One UPDATE decides: of two who approve, one begins it. If this process dies before it sends the
    message, that is sent again. Raises NeedsApprovalError, UnknownJobError and UnavailableError.
    """
    job_named(operation.operation_type)
    ensure_workable()
    approved = {"by": str(user), "user": str(user.pk), "at": timezone.now().isoformat()}
    waiting = BatchOperation.objects.filter(
        pk=operation.pk, status=Status.UNPROCESSED, group_name=AWAITS, started_by__isnull=False
    )
    taken = waiting.exclude(started_by=user.pk).update(
        group_name=operation.operation_type,
        send_again_at=resend_at(),
        live_data={APPROVED: approved},
    )
    if not taken:
        if waiting.exists():
            raise NeedsApprovalError(
                f"you asked for {operation} yourself; another person approves it"
            )
        raise NeedsApprovalError(f"{operation} awaits no approval any more")
    operation.refresh_from_db()
    send_out(operation)
