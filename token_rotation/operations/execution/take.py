"""Take a claim: a row lock decides which attempt wins."""

from __future__ import annotations

from datetime import timedelta

from django.db import router, transaction

from token_rotation.operations.errors import AlreadyTakenError, GoneError, WorkersLostError
from token_rotation.operations.execution.claim import WAITING, Claim, losses, write
from token_rotation.operations.failures.describe import describe
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.record.queryset import BatchOperationQuerySet
from token_rotation.operations.stored_output import read_object
from token_rotation.postgres.transaction_settings import without_standby


def take(operation_id: int, runner: str, *, retry_within_seconds: float | None = None) -> Claim:
    """Start the operation, or resume it after an ended attempt.

    That attempt handed it back or died. ``runner`` names this attempt; no two living attempts may
    share a name. The same one may call again after a lost answer. When the attempt fails, the next
    one begins ``retry_within_seconds`` later at most; None: within the longest pause of a retry.

    Raises GoneError and AlreadyTakenError. Raises WorkersLostError when the operation has lost more
    than OPERATIONS_MAX_LOSSES workers, after finishing it as failed.
    """
    database = router.db_for_write(BatchOperation)
    with without_standby(database), transaction.atomic(using=database):
        found = BatchOperation.objects.using(database).filter(pk=operation_id)
        stored = found.select_for_update(no_key=True).first()
        if stored is None or stored.status == Status.FINISHED:
            raise GoneError(f"operation {operation_id} was cancelled or has finished")
        if stored.status == Status.UNPROCESSED:
            stored.mark_as_running(runner=runner)
            return Claim(stored, runner, retry_within_seconds=retry_within_seconds)
        lost = _losses_of(stored, runner, found)
        if lost <= option("OPERATIONS_MAX_LOSSES"):
            write(stored, None, runner=runner, more_losses=lost - losses(stored))
            stored.refresh_from_db()  # the time of the database's clock
            return Claim(stored, runner, retry_within_seconds=retry_within_seconds)
        error = WorkersLostError(f"{stored} has lost {lost} workers and is not tried again")
        output = read_object(stored.output_data)
        output |= {"losses": lost, "error": describe(error).as_json()}
        write(stored, None, runner=runner)
        stored.finish(failed=True, output_data=output)
    raise error


def _losses_of(stored: BatchOperation, runner: str, found: BatchOperationQuerySet) -> int:
    """Count the workers that the running operation has lost.

    Raises when the operation may not be taken.
    """
    if stored.runner in {runner, WAITING}:
        return losses(stored)
    if not stored.runner:
        raise GoneError(f"{stored} is run by the process that created it")
    lease = timedelta(seconds=option("OPERATIONS_LEASE_SECONDS"))
    if not found.stalled(lease).exists():
        raise AlreadyTakenError(f"{stored} is held by {stored.runner!r}")
    return losses(stored) + 1
