"""Hand a job to Celery workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any
from uuid import UUID

from token_rotation.jobs.beginning.begin import ensure_no_other
from token_rotation.jobs.beginning.runs import alone
from token_rotation.jobs.collection.of_job import enumerator_of
from token_rotation.jobs.errors import NeedsApprovalError, ParametersError
from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.given import job_with
from token_rotation.jobs.parameters.storing import delete, store, stored_in
from token_rotation.jobs.set_aside import choose_set_aside, read_recorded
from token_rotation.jobs.workers.sending import ensure_workable, send_out
from token_rotation.operations.errors import KeyTakenError, OperationError
from token_rotation.operations.models import BatchOperation

AWAITS = "(awaits approval)"
"""The group of a run that nobody has approved: no worker knows it."""


def hand_out(
    kind: type[Job],
    values: Mapping[str, Any],
    *,
    started_by: Any = None,
    key: UUID | None = None,
    retry_set_aside: bool = False,
    again: BatchOperation | None = None,
) -> BatchOperation:
    """Let workers run the job with these parameters; return its operation.

    A job that needs approval only waits for it. A call with the ``key`` of another returns the
    operation of that one. ``again`` is the run that is gone on with, or whose items are retried; it
    is refused where that has happened already. If this process dies before it sends the message,
    that is sent again; a file that it has stored in vain is deleted when it is old.

    Raises NeedsApprovalError where no person asks, ParametersError, FileStorageError,
    CollectionError, NothingToRetryError, RunningElsewhereError, KeyTakenError and UnavailableError;
    nothing is stored then.
    """
    if kind.needs_approval and started_by is None:
        raise needs_approval(kind)
    with job_with(kind, values) as job:
        ensure_no_secret(job)
        if again is not None:
            job.recorded_parameters = read_recorded(again.input_data).parameters
        if retry_set_aside:
            choose_set_aside(job)
        enumerator_of(job)
        if not kind.needs_approval:
            ensure_workable()
        goes_on = again is not None and (again.input_data or {}) == job.recorded_parameters
        create = partial(_created, job, started_by, key)
        operation, is_new = _recorded(job, values, create, key, again if goes_on else None)
    if is_new and not kind.needs_approval:
        send_out(operation)
    return operation


def ensure_no_secret(job: Job) -> None:
    """Raise ParametersError where a parameter is one that no record may hold."""
    if job.secret_values:
        raise ParametersError(
            f"{job.name}: a secret parameter is in no record, so no worker can have it; "
            "run it without --async, or let the job read the secret from where it is kept"
        )


def needs_approval(kind: type[Job]) -> NeedsApprovalError:
    return NeedsApprovalError(
        f"{kind.name} needs a second person's approval: ask for it at the page of jobs, where "
        "somebody else approves it"
    )


def _recorded(
    job: Job,
    values: Mapping[str, Any],
    create: Callable[[], BatchOperation],
    key: UUID | None,
    after: BatchOperation | None,
) -> tuple[BatchOperation, bool]:
    """Return the operation, and whether it is a new one."""
    found = _found(job, key)
    if found is not None:
        return found, False
    job.recorded_parameters = store(job, values)
    try:
        with alone(job):
            found = _found(job, key)
            if found is None:
                ensure_no_other(job, after=after)
                return create(), True
    except OperationError:  # after an error of the database it may be there
        _delete_new(job, values)
        raise
    _delete_new(job, values)
    return found, False


def _found(job: Job, key: UUID | None) -> BatchOperation | None:
    """Return the operation of the key, if there is one. Raises KeyTakenError."""
    found = None if key is None else BatchOperation.objects.filter(key=key).first()
    if key is not None and found is not None and found.operation_type != job.name:
        raise KeyTakenError(key, str(found), job.name)
    return found


def _created(job: Job, started_by: Any, key: UUID | None) -> BatchOperation:
    return BatchOperation.objects.create_asynchronous(
        job.name,
        input_data=job.recorded_parameters or None,
        started_by=started_by,
        key=key,
        countdown=None if job.needs_approval else 0,
        group_name=AWAITS if job.needs_approval else job.name,
    )


def _delete_new(job: Job, values: Mapping[str, Any]) -> None:
    delete(set(stored_in(job.recorded_parameters)) - set(stored_in(values)))
