"""What all rotations of a target have done so far, from the records that they keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connections, transaction

from tickets.batch.lifecycle import Status
from tickets.batch.models import BatchOperation
from tickets.rotation.batch_seconds import BatchSeconds
from tickets.rotation.connection import reason_of
from tickets.rotation.errors import StatementError
from tickets.rotation.record import DATABASE_ERRORS, OPERATION_TYPE
from tickets.rotation.spread.family import ranges_of, shares_of, value_of
from tickets.rotation.sql import KEEP_RECORD_BRIEFLY
from tickets.rotation.target import Target


@dataclass(slots=True)
class Totals:
    """Sums over every rotation that has a record, running ones as of their last sign of life.

    Of a running spread rotation, batches, retries and waits count from the ranges that have ended.
    """

    running: int = 0
    rotated_rows: int = 0
    retries: int = 0
    batch_seconds: BatchSeconds = field(default_factory=BatchSeconds)
    waited_seconds: dict[str, float] = field(default_factory=dict)

    def add(self, figures: Mapping[str, Any]) -> None:
        """Add what a rotation, or a range of one, has kept beside its rows."""
        self.retries += figures.get("retries", 0)
        self.batch_seconds.add(figures.get("batch_seconds"))
        for kind, seconds in figures.get("waited_seconds", {}).items():
            self.waited_seconds[kind] = self.waited_seconds.get(kind, 0.0) + seconds


def totals_of(target: Target) -> Totals:
    """Read the records of a target, each once.

    Raises StatementError where they cannot be read within seconds.
    """
    try:
        with transaction.atomic(using=target.database):
            with connections[target.database].cursor() as cursor:
                cursor.execute(KEEP_RECORD_BRIEFLY)
            return _sum(target)
    except DATABASE_ERRORS as error:
        raise StatementError(f"The records cannot be read: {reason_of(error)}") from None


def _sum(target: Target) -> Totals:
    totals = Totals()
    records = BatchOperation.objects.using(target.database).of_type(OPERATION_TYPE)
    for rotation in records.filter(input_data__contains={"model": target.label}).iterator():
        output = rotation.output_data or {}
        if rotation.status != Status.RUNNING:
            totals.rotated_rows += output.get("rotated_rows", rotation.progress_done)
            totals.add(output)
            continue
        totals.running += 1
        if (rotation.input_data or {}).get("spread"):
            totals.rotated_rows += shares_of(rotation).rotated_rows
            for figures in _figures_of_ranges(rotation):
                totals.add(figures)
        else:
            totals.rotated_rows += rotation.progress_done
            totals.add(output)
    return totals


def _figures_of_ranges(rotation: BatchOperation) -> Iterator[Mapping[str, Any]]:
    for part in ranges_of(rotation).filter(status=Status.FINISHED).iterator():
        figures = value_of(part)
        if figures is not None:
            yield figures
