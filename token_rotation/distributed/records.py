"""Find a distributed rotation and its ranges among the operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db import router
from django.db.models import Count, Q, Sum

from token_rotation.distributed.inputs import input_of
from token_rotation.distributed.results import ROTATE_KEY_RANGE
from token_rotation.operations.execution.claim import successes
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.queryset import BatchOperationQuerySet
from token_rotation.operations.stored_output import read_number, read_object
from token_rotation.run.recording.record import OPERATION_TYPE

# The types of the operations.
RANGE = "rotation.range"
END_OF_ROUND = "rotation.end of round"
VACUUM = "rotation.vacuum"

MEETS_TRAFFIC = "meets_traffic"
"""What a range says in each beat: others are at work, or felt the rotation within a minute."""


@dataclass(frozen=True, slots=True)
class RangeCounts:
    """Counts over the ranges of all rounds.

    They are the rows rotated so far, and the number of ranges by status.
    """

    rotated_rows: int
    waiting: int
    at_work: int
    finished: int


def records_database() -> str:
    """Return the alias of the database with the workers' operations."""
    return router.db_for_write(BatchOperation)


def running_rotations() -> BatchOperationQuerySet:
    """The distributed rotations that have not finished."""
    records = BatchOperation.objects.using(records_database()).of_type(OPERATION_TYPE)
    return records.running().filter(input_data__contains={"distributed": True}).order_by("id")


def rotation_of(operation: BatchOperation) -> BatchOperation | None:
    """Return the rotation of a range, round's end or VACUUM.

    It is None when the rotation was removed.
    """
    records = BatchOperation.objects.using(records_database())
    return records.filter(pk=input_of(operation)["rotation"]).first()


def ranges_of(rotation: BatchOperation) -> BatchOperationQuerySet:
    """The ranges of all rounds."""
    records = BatchOperation.objects.using(records_database()).of_type(RANGE)
    return records.for_context(rotation)


def round_of(rotation: BatchOperation, number: int) -> list[BatchOperation]:
    """The ranges of one round; there are at most 128."""
    return list(ranges_of(rotation).filter(input_data__contains={"round": number}).order_by("id"))


def vacuums_of(rotation: BatchOperation) -> BatchOperationQuerySet:
    """The VACUUMs of the rotation."""
    records = BatchOperation.objects.using(records_database()).of_type(VACUUM)
    return records.for_context(rotation)


def goes_on(rotation: BatchOperation) -> bool:
    """Read the rotation again; return True while it goes on.

    It goes on while it runs and no stop was requested.
    """
    rotation.refresh_from_db(using=records_database())
    return rotation.status == Status.RUNNING and rotation.stop_requested_at is None


def meets_traffic(rotation: BatchOperation) -> bool:
    """Return True where a worker's last beat says so."""
    at_work = ranges_of(rotation).running()
    return at_work.filter(live_data__contains={MEETS_TRAFFIC: True}).exists()


def current_round(rotation: BatchOperation) -> int:
    """The number of the round in the loaded record."""
    return int(read_number(read_object(rotation.output_data).get("rounds")))


def all_worked_off(work_ranges: Sequence[BatchOperation]) -> bool:
    """Return True when no attempt will rotate these ranges again."""
    return all(_is_worked_off(each) for each in work_ranges)


def _is_worked_off(work_range: BatchOperation) -> bool:
    """Return True when the range is done or finally failed."""
    finished = work_range.status == Status.FINISHED
    return finished or ROTATE_KEY_RANGE in successes(work_range.output_data)


def range_counts_of(rotation: BatchOperation) -> RangeCounts:
    """Count all ranges in one query."""
    found = ranges_of(rotation).aggregate(
        rotated_rows=Sum("progress_done", default=0),
        waiting=Count("pk", filter=Q(status=Status.UNPROCESSED)),
        at_work=Count("pk", filter=Q(status=Status.RUNNING)),
        finished=Count("pk", filter=Q(status=Status.FINISHED)),
    )
    return RangeCounts(**found)


# Keys that are the same for every process, so that each operation is created once.


def range_key(rotation: BatchOperation, number: int, place: int) -> UUID:
    return uuid5(rotation.key, f"round {number} range {place}")


def end_key(rotation: BatchOperation, number: int) -> UUID:
    return uuid5(rotation.key, f"end of round {number}")


def vacuum_key(rotation: BatchOperation, number: int) -> UUID:
    return uuid5(rotation.key, f"vacuum {number}")
