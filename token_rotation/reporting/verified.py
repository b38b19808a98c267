"""The last run that read the whole table and found nothing pending."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connections

from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import read_object
from token_rotation.run.recording.record import DATABASE_ERRORS, OPERATION_TYPE, briefly
from token_rotation.selection.target import Target

LOOKED_THROUGH = 50


@dataclass(frozen=True, slots=True)
class Verified:
    """When a read of the table found nothing pending, and the number of its operation."""

    at: str
    operation: int

    def __str__(self) -> str:
        return f"last verified at {self.at} by operation {self.operation}"


def last_verified(target: Target) -> Verified | None:
    """Return the last one that holds for the target's selection.

    None without records. It says what was so then: rows may have become pending since.
    """
    records = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE)
    found = records.filter(
        input_data__contains={"model": target.label},
        output_data__contains={"verdict": {"selection_complete": True}},
    )[:LOOKED_THROUGH]
    try:
        with briefly(target.database):
            for operation in found.readable():
                if _covers(operation, target):
                    verdict = read_object(read_object(operation.output_data).get("verdict"))
                    return Verified(str(verdict.get("read_at")), operation.pk)
    except DATABASE_ERRORS:
        return None
    finally:
        connections[target.database].close()
    return None


def _covers(operation: BatchOperation, target: Target) -> bool:
    """Return True if the record's selection is the target's, or more."""
    recorded = read_object(read_object(operation.input_data).get("selection"))
    asked = target.selection.as_input()
    if recorded == asked:
        return True
    verdict = read_object(read_object(operation.output_data).get("verdict"))
    is_whole = verdict.get("pending_rows_everywhere") == 0
    return is_whole and recorded.get("issued_before") == asked["issued_before"]
