"""Stop spread rotations, as far as no worker needs to."""

from __future__ import annotations

from token_rotation.distributed.ending import in_round
from token_rotation.distributed.records import (
    WITHDRAWN,
    all_worked_off,
    current_round,
    ranges_of,
    records_database,
    round_of,
    running_spreads,
)
from token_rotation.distributed.settle import settle
from token_rotation.errors import RotationError, StatementError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import StoredError, read_object
from token_rotation.postgres.failures import reason_of
from token_rotation.run.record import DATABASE_ERRORS


def halt(rotation: BatchOperation) -> None:
    """Remove the ranges that wait for a worker, and settle the round when that was all.

    Workers at a range hear of the request by themselves, within a second or so, and the last one
    settles. Without Celery, without a broker and without workers this works as well.
    """
    ranges_of(rotation).cancel()
    rotation.refresh_from_db()
    number = current_round(rotation)
    if all_worked_off(round_of(rotation, number)):
        settle(rotation, number)


def withdraw(rotation: BatchOperation, error: StoredError) -> None:
    """Let the rotation fail with this error, as soon as the workers at its ranges have stopped.

    The error is stored with the request to stop, for whoever settles the round.
    """
    with in_round(rotation, current_round(rotation)) as stored:
        if stored is None:  # those that were sent were all
            return
        stored.request_stop()
        stored.output_data = read_object(stored.output_data) | {WITHDRAWN: error.as_json()}
        stored.save(update_fields=["output_data"])
    halt(rotation)


def halt_requested(database: str) -> None:
    """``halt`` each spread rotation of a database that was asked to stop.

    Raises the first RotationError, after the others were halted.
    """
    if database != records_database():
        return
    failed: list[RotationError] = []
    try:
        for rotation in running_spreads().filter(stop_requested_at__isnull=False):
            try:
                halt(rotation)
            except RotationError as error:
                failed.append(error)
    except DATABASE_ERRORS as error:
        raise StatementError(
            f"All were asked to stop, but the ranges that wait for a worker could not be removed: "
            f"{reason_of(error)}"
        ) from None
    if failed:
        raise failed[0]
