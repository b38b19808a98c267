"""Share a job out among workers, one operation for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from token_rotation.jobs.beginning.begin import ensure_no_other, left_by_now, shares
from token_rotation.jobs.beginning.runs import alone
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.given import job_with
from token_rotation.jobs.record import STATE
from token_rotation.jobs.workers.hand_out import ensure_no_secret, needs_approval
from token_rotation.jobs.workers.sending import ensure_workable, send_out
from token_rotation.operations.models import BatchOperation


def share_out(kind: type[Job], values: Mapping[str, Any], *, workers: int) -> list[BatchOperation]:
    """Let several workers run the job with these parameters; return their operations.

    If this process dies before it sends the messages, they are sent again.

    Raises NeedsApprovalError, ParametersError, CollectionError, RunningElsewhereError and
    UnavailableError; nothing is stored then.
    """
    if kind.needs_approval:
        raise needs_approval(kind)
    with job_with(kind, values) as job:
        ensure_no_secret(job)
        ensure_workable()
        with alone(job):
            ensure_no_other(job)
            parts = shares(job, left_by_now(job), workers, None)
            operations = [_created(job, {STATE: state.as_json()}, items) for state, items in parts]
    for operation in operations:
        send_out(operation)
    return operations


def _created(job: Job, live_data: dict[str, Any], items: int | None) -> BatchOperation:
    operation = BatchOperation.objects.create_asynchronous(
        job.name,
        input_data=job.recorded_parameters or None,
        progress_total=items,
        countdown=0,
        group_name=job.name,
    )
    operation.live_data = live_data
    operation.save(update_fields=["live_data"])
    return operation
