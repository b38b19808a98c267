"""End runs that wait for a worker or for approval."""

from __future__ import annotations

from django.db import router, transaction

from token_rotation.jobs.job import Job
from token_rotation.jobs.parameters.storing import delete, stored_in
from token_rotation.jobs.record import state_of
from token_rotation.operations.errors import StatusChangeError
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import UNFINISHED

WITHDRAWN = "withdrawn before a worker had begun"


def withdraw(operation: BatchOperation) -> None:
    """End a run that has not begun. Raises StatusChangeError where it has.

    It is removed, with its files unless another run needs them. One that has a share of the items
    is kept, and ends: its record alone says which are left.
    """
    if state_of(operation).split:
        with transaction.atomic(using=router.db_for_write(BatchOperation)):
            operation.mark_as_running()
            operation.finish(failed=True, output_data={UNFINISHED: WITHDRAWN})
        return
    operation.cancel()
    others = BatchOperation.objects.of_type(operation.operation_type)
    if not others.filter(input_data=operation.input_data).exists():
        delete(stored_in(operation.input_data))


def withdraw_waiting(job: type[Job]) -> int:
    """Withdraw every run of the job that waits for a worker; return how many.

    Not those that wait for approval, nor those that a worker begins meanwhile.
    """
    waiting = BatchOperation.objects.of_type(job.name)
    withdrawn = 0
    for each in waiting.filter(status=Status.UNPROCESSED, group_name=job.name):
        try:
            withdraw(each)
        except StatusChangeError:
            continue
        withdrawn += 1
    return withdrawn
