"""Begin a round of a distributed rotation; notice its end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from token_rotation.distributed.records import (
    END_OF_ROUND,
    RANGE,
    all_worked_off,
    current_round,
    end_key,
    range_key,
    records_database,
    round_of,
)
from token_rotation.distributed.rounds.finish import fail
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import send
from token_rotation.operations.stored_output import read_reason
from token_rotation.postgres.transaction_settings import without_standby
from token_rotation.selection.key_range import KeyRange

# Where a rotation whose dispatch failed keeps the reason until its round ends.
WITHDRAWN = "withdrawn"


def create_round(
    rotation: BatchOperation, number: int, ranges: Sequence[KeyRange]
) -> list[BatchOperation]:
    """Store a round's ranges, for workers to take.

    This happens within the caller's transaction. A lone range waits for locked rows: it cannot
    leave them to others.
    """
    records = BatchOperation.objects.using(records_database())
    return [
        records.create_asynchronous(
            RANGE,
            context_object=rotation,
            key=range_key(rotation, number, place),
            countdown=0,
            input_data={
                "rotation": rotation.pk,
                "round": number,
                "after": keys.after,
                "upper": keys.upper,
                "waits_for_locks": len(ranges) == 1,
            },
        )
        for place, keys in enumerate(ranges)
    ]


def send_waiting(operations: Iterable[BatchOperation]) -> None:
    """Send the unprocessed ranges to the workers.

    Raises UnavailableError. A message that is lost is sent again, as the operation says.
    """
    for each in operations:
        if each.status == Status.UNPROCESSED:
            send(each, registry.get(each.operation_type))


def end_round_if_over(rotation: BatchOperation) -> bool:
    """Let a worker end the round if it is over.

    It is over when no range of it is left. Returns True then. A worker stores its range's result
    and then looks here, so one of them sees all ranges. Any number may: the key makes it one task.

    Raises UnavailableError; the message then counts as lost, and is sent again.
    """
    rotation.refresh_from_db()
    number = current_round(rotation)
    if rotation.status != Status.RUNNING or not all_worked_off(round_of(rotation, number)):
        return False
    records = BatchOperation.objects.using(records_database())
    key = end_key(rotation, number)
    is_sent = records.filter(key=key, send_again_at__isnull=False).exists()
    with without_standby(records_database()):
        end = records.create_asynchronous(
            END_OF_ROUND,
            context_object=rotation,
            key=key,
            countdown=0,
            input_data={"rotation": rotation.pk, "round": number},
        )
    if end.result == Result.FAILED:
        fail(rotation, read_reason(end.output_data))
    if not is_sent:
        send_waiting([end])
    return True
