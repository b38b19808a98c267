"""Start a distributed rotation: record, split, and send it.

The ranges go to the workers.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

from django.db import transaction

from token_rotation.distributed.cancel import withdraw
from token_rotation.distributed.records import records_database
from token_rotation.distributed.rounds.begin import create_round, send_waiting
from token_rotation.distributed.rounds.split import split
from token_rotation.errors import (
    NotDispatchableError,
    NotKnownError,
    StatementError,
    WithdrawnError,
)
from token_rotation.inspection.counting import PendingCount
from token_rotation.inspection.snapshots import next_transaction
from token_rotation.operations import describe_explained
from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.broker import ensure_broker
from token_rotation.options import RotationOptions
from token_rotation.postgres.faults.failures import first_of, is_lost, reason_of
from token_rotation.postgres.reading import reading
from token_rotation.run.recording.record import DATABASE_ERRORS, OPERATION_TYPE
from token_rotation.selection.target import Target


def ensure_dispatchable(database: str) -> None:
    """Raise NotDispatchableError when ranges cannot be sent to workers now.

    Its message is one line.
    """
    if database != records_database():
        raise NotDispatchableError(
            f"--async works on the database of the records, {records_database()!r}, only"
        )
    if option("OPERATIONS_ALWAYS_SYNCHRONOUS"):
        raise NotDispatchableError("OPERATIONS_ALWAYS_SYNCHRONOUS is set, so no worker is used")
    try:
        ensure_broker()
    except UnavailableError as error:
        raise NotDispatchableError(str(error)) from None


def dispatch(
    target: Target, options: RotationOptions, pending: PendingCount, *, started_by: Any = None
) -> tuple[BatchOperation, int]:
    """Begin a rotation by workers; return record and range count.

    ``started_by`` is a user; without one the record names the OS account. Record and ranges are
    stored together and sent after the COMMIT. If this process dies between the two, the periodic
    task sends the ranges.

    Raises WithdrawnError when the broker was lost meanwhile. The ranges that no worker has are
    removed, the others are asked to stop, and the rotation fails. Raises StatementError when the
    records cannot be written, NotKnownError where the answer to their COMMIT was lost.
    """
    with reading(target.database) as connection:
        ranges = split(connection, target, pending.rows)
        since_xid = next_transaction(connection)
    database = records_database()
    is_committing = False
    try:
        with transaction.atomic(using=database):
            rotation = BatchOperation.objects.using(database).create_synchronous(
                OPERATION_TYPE,
                input_data={
                    "model": target.label,
                    "database": target.database,
                    "selection": target.selection.as_input(),
                    "options": asdict(options),
                    "distributed": True,
                    "since_xid": since_xid,
                },
                progress_total=pending.rows,
                started_by=started_by,
            )
            work_ranges = create_round(rotation, 0, ranges)
            transaction.on_commit(partial(send_waiting, work_ranges), using=database)
            is_committing = True
    except DATABASE_ERRORS as error:
        if is_committing and is_lost(error):
            raise NotKnownError(
                "It is not known whether the rotation was recorded: "
                f"{reason_of(first_of(error))}. If it was, workers rotate soon. To see it: "
                f"{target.whole_command} --follow"
            ) from None
        raise StatementError(
            f"The records of the rotation cannot be written: {reason_of(error)}"
        ) from None
    except UnavailableError as error:
        withdraw(rotation, describe_explained(error))
        raise WithdrawnError(f"{error}, while operation {rotation.pk} was dispatched") from None
    return rotation, len(work_ranges)
