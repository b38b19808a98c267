"""What the buttons of the page of jobs do. Each returns a sentence for who pressed it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from token_rotation.jobs.control import Request, ask
from token_rotation.jobs.errors import NeedsApprovalError
from token_rotation.jobs.job import Job
from token_rotation.jobs.registry import job_named
from token_rotation.jobs.set_aside import read_recorded
from token_rotation.jobs.workers.approval import approve
from token_rotation.jobs.workers.hand_out import AWAITS, hand_out
from token_rotation.jobs.workers.withdraw import withdraw
from token_rotation.operations.errors import NotRunningError, OperationError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.broker import ensure_worker
from token_rotation.page.commands import RefusedError
from token_rotation.page.jobs.refusing import refusing


def start(
    job: type[Job],
    values: Mapping[str, Any],
    user: Any,
    key: UUID | None = None,
    *,
    retry: bool = False,
    again: BatchOperation | None = None,
) -> str:
    """Hand the job to workers, or ask for its approval. Raises RefusedError."""
    with refusing("Nothing was started", job):
        if not job.needs_approval:
            _ensure_worker()
        operation = hand_out(
            job, values, started_by=user, key=key, retry_set_aside=retry, again=again
        )
    if operation.group_name == AWAITS:
        return f"Operation {operation.pk} begins when another person has approved it."
    return f"Operation {operation.pk} was handed to the workers."


def act(operation: BatchOperation, button: str, user: Any) -> str:
    """Do what a button of a run says. Raises RefusedError, and KeyError for no such button."""
    return ACTS[button](operation, user)


def _approve(operation: BatchOperation, user: Any) -> str:
    with refusing("Nothing was begun", job_of(operation)):
        if operation.started_by_id == user.pk:
            raise NeedsApprovalError("another person than the one who asked approves it")
        _ensure_worker()
        approve(operation, user)
    return f"Operation {operation.pk} was approved and handed to the workers."


def _withdraw(operation: BatchOperation, _: Any) -> str:
    with refusing("It may not have been withdrawn", job_of(operation)):
        withdraw(operation)
    return f"Operation {operation.pk} was withdrawn; it had not begun."


def _start_again(operation: BatchOperation, user: Any) -> str:
    """A retry that was stopped goes on as that retry."""
    recorded = read_recorded(operation.input_data)
    is_retry = recorded.retried is not None
    return start(job_of(operation), recorded.parameters, user, retry=is_retry, again=operation)


def _retry(operation: BatchOperation, user: Any) -> str:
    parameters = read_recorded(operation.input_data).parameters
    return start(job_of(operation), parameters, user, retry=True, again=operation)


def _asking(request: Request, said: str) -> Callable[[BatchOperation, Any], str]:
    def act(operation: BatchOperation, _: Any) -> str:
        try:
            with refusing("It may not have been asked", job_of(operation)):
                ask(job_of(operation), operation, request)
        except NotRunningError:
            raise RefusedError(f"Operation {operation.pk} does not run; reload the page.") from None
        return f"Operation {operation.pk} {said}."

    return act


ACTS: Mapping[str, Callable[[BatchOperation, Any], str]] = {
    "approve": _approve,
    "withdraw": _withdraw,
    "go-on": _start_again,
    "retry": _retry,
    "pause": _asking(Request.PAUSE, "pauses after its batch"),
    "resume": _asking(Request.RESUME, "goes on"),
    "stop": _asking(Request.STOP, "stops after its batch"),
}


def job_of(operation: BatchOperation) -> type[Job]:
    return job_named(operation.operation_type)


def _ensure_worker() -> None:
    if not option("OPERATIONS_ALWAYS_SYNCHRONOUS"):
        ensure_worker()


def find(number: int) -> BatchOperation | None:
    """Return the operation of a registered job, or None."""
    found = BatchOperation.objects.select_related("started_by").filter(pk=number).readable()
    operation = next(found, None)
    if operation is None:
        return None
    try:
        job_of(operation)
    except OperationError:
        return None
    return operation
