"""How a spread rotation and its ranges find each other among the stored operations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from django.db import router
from django.db.models import Count, Q, Sum

from token_rotation.errors import UnknownTargetError
from token_rotation.operations.execution.claim import SUCCESSFUL, successes
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queryset import BatchOperationQuerySet
from token_rotation.operations.stored_output import read_actions, read_number, read_object
from token_rotation.options import RotationOptions
from token_rotation.run.record import OPERATION_TYPE
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import find_targets
from token_rotation.targets.resolve import resolve_recorded

# The types of the operations, and the actions that do their work.
RANGE = "rotation.range"
END_OF_ROUND = "rotation.end of round"
VACUUM = "rotation.vacuum"
ROTATE = "RotateRange"
VACUUM_BESIDE = "VacuumBeside"

# Where a range at work says what it has done beside its rows.
FIGURES = "figures"

# Where a rotation that could not be handed out whole keeps the reason until its round is over.
WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Shares:
    """The ranges of a rotation, of all its rounds: rows rotated so far, ranges by status."""

    rotated_rows: int
    waiting: int
    at_work: int
    finished: int


def records_database() -> str:
    """The alias that holds the records which workers go by."""
    return router.db_for_write(BatchOperation)


def running_spreads() -> BatchOperationQuerySet:
    """The spread rotations that have not finished."""
    records = BatchOperation.objects.using(records_database()).of_type(OPERATION_TYPE)
    return records.running().filter(input_data__contains={"spread": True}).order_by("id")


def input_of(operation: BatchOperation) -> dict[str, Any]:
    """What the operation was created with."""
    return read_object(operation.input_data)


def rotation_of(part: BatchOperation) -> BatchOperation | None:
    """The rotation that a range, or the end of a round, belongs to."""
    records = BatchOperation.objects.using(records_database())
    return records.filter(pk=input_of(part)["rotation"]).first()


def ranges_of(rotation: BatchOperation) -> BatchOperationQuerySet:
    """The ranges of all rounds."""
    records = BatchOperation.objects.using(records_database()).of_type(RANGE)
    return records.for_context(rotation)


def round_of(rotation: BatchOperation, number: int) -> list[BatchOperation]:
    """The ranges of one round, of which there are few."""
    return list(ranges_of(rotation).filter(input_data__contains={"round": number}).order_by("id"))


def vacuums_of(rotation: BatchOperation) -> BatchOperationQuerySet:
    """The VACUUMs beside its ranges."""
    records = BatchOperation.objects.using(records_database()).of_type(VACUUM)
    return records.for_context(rotation)


def goes_on(rotation: BatchOperation) -> bool:
    """Whether the rotation, read afresh, runs and nobody has asked it to stop."""
    rotation.refresh_from_db(using=records_database())
    return rotation.status == Status.RUNNING and rotation.stop_requested_at is None


def current_round(rotation: BatchOperation) -> int:
    """The number of the round that the loaded record was in."""
    return int(read_number(read_object(rotation.output_data).get("rounds")))


def value_of(part: BatchOperation) -> dict[str, Any] | None:
    """What the range's work has returned; None when it has not, because every attempt failed."""
    return _value(part, ROTATE)


def figures_of(part: BatchOperation) -> dict[str, Any]:
    """Batches, retries and waits of the range's attempts.

    As its work has returned them; until then, and of attempts that were killed, as of the last sign
    of life.
    """
    value = value_of(part)
    return read_object(read_object(part.live_data).get(FIGURES)) if value is None else value


def vacuum_value_of(vacuum: BatchOperation) -> dict[str, Any] | None:
    """How a VACUUM has ended; None when it has not, or nobody knows."""
    return _value(vacuum, VACUUM_BESIDE)


def _value(operation: BatchOperation, action: str) -> dict[str, Any] | None:
    for result in read_actions(operation.output_data):
        if result.get("action") == action and result.get("status") == SUCCESSFUL:
            return read_object(result.get("value")) or None
    return None


def is_worked_off(part: BatchOperation) -> bool:
    """Whether no attempt will rotate this range any more: it is done, or has failed for good."""
    return part.status == Status.FINISHED or ROTATE in successes(part.output_data)


def all_worked_off(ranges: Sequence[BatchOperation]) -> bool:
    return all(is_worked_off(part) for part in ranges)


def shares_of(rotation: BatchOperation) -> Shares:
    """How far all ranges together are, in one query."""
    found = ranges_of(rotation).aggregate(
        rotated_rows=Sum("progress_done", default=0),
        waiting=Count("pk", filter=Q(status=Status.UNPROCESSED)),
        at_work=Count("pk", filter=Q(status=Status.RUNNING)),
        finished=Count("pk", filter=Q(status=Status.FINISHED)),
    )
    return Shares(**found)


def range_key(rotation: BatchOperation, number: int, place: int) -> UUID:
    """The same for whoever creates this range, so that it is created once."""
    return uuid5(rotation.key, f"round {number} range {place}")


def end_key(rotation: BatchOperation, number: int) -> UUID:
    """The same for whoever finds the round at its end, so that there is one."""
    return uuid5(rotation.key, f"end of round {number}")


def vacuum_key(rotation: BatchOperation, number: int) -> UUID:
    """The same for whoever finds the n-th VACUUM due."""
    return uuid5(rotation.key, f"vacuum {number}")


def target_named(label: str, database: str) -> Target:
    """The target of a record. Raises UnknownTargetError where this code does not have it."""
    try:
        return next(each for each in find_targets(database) if each.label == label)
    except (StopIteration, UnknownTargetError):
        raise UnknownTargetError(f"this worker's code has no rotating token in {label}") from None


def target_of_rotation(rotation: BatchOperation) -> Target:
    """The target, aimed at the rows that the operator chose. Raises RotationError."""
    recorded = input_of(rotation)
    target = target_named(recorded["model"], recorded["database"])
    return resolve_recorded(target, recorded.get("selection"))


def options_of(rotation: BatchOperation) -> RotationOptions:
    """The operator's choices. Raises TypeError where this code knows less of them."""
    return RotationOptions(**input_of(rotation)["options"])


def keys_of(part: BatchOperation) -> KeyRange:
    return KeyRange(input_of(part)["after"], input_of(part)["upper"])
