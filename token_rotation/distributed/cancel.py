"""End distributed rotations that were asked to stop.

This does the part that needs no worker.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from token_rotation.distributed.records import (
    all_worked_off,
    current_round,
    ranges_of,
    records_database,
    round_of,
    running_rotations,
)
from token_rotation.distributed.rounds.begin import WITHDRAWN
from token_rotation.distributed.rounds.end import end_round
from token_rotation.distributed.rounds.finish import in_round
from token_rotation.errors import RotationError, StatementError
from token_rotation.operations.errors import ClaimError, WorkersLostError
from token_rotation.operations.execution.take import take
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.stored_output import StoredError, read_object
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.run.recording.record import DATABASE_ERRORS

STOPPED = "(stopped)"
UNREADABLE = "Operation {} was asked to stop, but its record cannot be read, so it cannot be ended"


def cancel_waiting(rotation: BatchOperation) -> None:
    """Remove waiting ranges; end the round if none is left.

    Waiting ranges are those that no worker has, or a worker whose lease is over. Other workers hear
    of the stop by themselves, within about a second, and the last one ends the round. This also
    works without Celery, without a broker and without workers.
    """
    ranges_of(rotation).cancel()
    _end_dead(rotation)
    rotation.refresh_from_db()
    number = current_round(rotation)
    if all_worked_off(round_of(rotation, number)):
        end_round(rotation, number)


def _end_dead(rotation: BatchOperation) -> None:
    """End the ranges of dead workers; what they have rotated is read from the table."""
    lease = timedelta(seconds=option("OPERATIONS_LEASE_SECONDS"))
    for number in ranges_of(rotation).stalled(lease).values_list("pk", flat=True):
        with suppress(ClaimError, WorkersLostError):  # it lives, or it is ended already
            take(number, STOPPED).succeed()


def withdraw(rotation: BatchOperation, error: StoredError) -> None:
    """Fail the rotation with this error, after the workers' stop.

    The error is stored with the request to stop, for the process that ends the round.
    """
    with in_round(rotation, current_round(rotation)) as stored:
        if stored is None:  # the ranges that were sent were all
            return
        stored.request_stop()
        stored.output_data = read_object(stored.output_data) | {WITHDRAWN: error.as_json()}
        stored.save(update_fields=["output_data"])
    cancel_waiting(rotation)


def cancel_stopped(database: str) -> set[int]:
    """``cancel_waiting`` for each rotation that was asked to stop.

    It treats the rotations of one database, and returns the numbers of those that it ended. Raises
    the first RotationError, after it has treated the other rotations.
    """
    if database != records_database():
        return set()
    failed: list[RotationError] = []
    ended: set[int] = set()
    try:
        stopped = running_rotations().filter(stop_requested_at__isnull=False)
        for number in list(stopped.values_list("pk", flat=True)):
            try:
                rotation = stopped.get(pk=number)
                cancel_waiting(rotation)
                rotation.refresh_from_db()
                ended |= {number} if rotation.status == Status.FINISHED else set()
            except BatchOperation.DoesNotExist:  # it ended meanwhile
                continue
            except ValueError:  # JSON that Python refuses
                failed.append(StatementError(UNREADABLE.format(number)))
            except RotationError as error:
                failed.append(error)
    except DATABASE_ERRORS as error:
        raise StatementError(
            "All rotations were asked to stop, but the ranges that wait for a worker could not be "
            f"removed: {reason_of(error)}"
        ) from None
    if failed:
        raise failed[0]
    return ended
