"""Totals of all recorded rotations of a target."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from token_rotation.distributed.records import range_counts_of, ranges_of
from token_rotation.distributed.results import figures_of
from token_rotation.engine.result import Result
from token_rotation.errors import StatementError
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import read_number, read_object
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.run.recording.record import DATABASE_ERRORS, OPERATION_TYPE, briefly
from token_rotation.selection.target import Target


@dataclass(slots=True)
class Totals:
    """Totals of all recorded rotations.

    ``running`` is the number of those that run; ``done`` is the sum of what all have done. Running
    ones count as of their last heartbeat. ``verified_at`` is the last time that one read the whole
    table and found nothing pending.
    """

    running: int = 0
    done: Result = field(default_factory=Result)
    verified_at: datetime | None = None


def totals_of(target: Target) -> Totals:
    """Read the records of a target.

    Raises StatementError if that takes more than a few seconds.
    """
    try:
        with briefly(target.database):
            return _sum(target)
    except DATABASE_ERRORS as error:
        raise StatementError(f"The records cannot be read: {reason_of(error)}") from None


def _sum(target: Target) -> Totals:
    totals = Totals()
    records = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE)
    for rotation in records.filter(input_data__contains={"model": target.label}).readable():
        output = read_object(rotation.output_data)
        if rotation.status != Status.RUNNING:
            totals.done.rotated_rows += read_number(
                output.get("rotated_rows"), rotation.progress_done
            )
            totals.done.add(output)
            totals.verified_at = max(
                filter(None, (totals.verified_at, _verified_at(output))), default=None
            )
            continue
        totals.running += 1
        if read_object(rotation.input_data).get("distributed"):
            totals.done.rotated_rows += range_counts_of(rotation).rotated_rows
            begun = ranges_of(rotation).exclude(status=Status.UNPROCESSED)
            for part in begun.readable():
                totals.done.add(figures_of(part))
        else:
            totals.done.rotated_rows += rotation.progress_done
            totals.done.add(output)
    return totals


def _verified_at(output: dict[str, Any]) -> datetime | None:
    verdict = read_object(output.get("verdict"))
    if verdict.get("complete") is not True or verdict.get("pending_rows_everywhere") != 0:
        return None
    try:
        return datetime.fromisoformat(str(verdict.get("read_at")))
    except ValueError:
        return None
