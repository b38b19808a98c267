"""Finish a spread rotation's record, with the figures of all its ranges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from token_rotation.distributed.range_totals import rows_of_failed
from token_rotation.distributed.records import (
    current_round,
    figures_of,
    keys_of,
    ranges_of,
    records_database,
    target_of_rotation,
    vacuum_value_of,
    vacuums_of,
    value_of,
)
from token_rotation.engine.result import Outcome, Result
from token_rotation.inspection.counting import pending_rows_of
from token_rotation.operations.execution.claim import losses
from token_rotation.operations.failures.alerts import alert_failure
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import StoredError, read_number
from token_rotation.postgres.connection import reading
from token_rotation.run.record import as_output


@contextmanager
def in_round(rotation: BatchOperation, number: int) -> Iterator[BatchOperation | None]:
    """The stored rotation, locked; None when it has ended or is in another round by now."""
    database = records_database()
    with transaction.atomic(using=database):
        records = BatchOperation.objects.using(database).filter(pk=rotation.pk)
        stored = records.select_for_update(no_key=True).filter(status=Status.RUNNING).first()
        yield stored if stored is not None and current_round(stored) == number else None


def finish(
    rotation: BatchOperation,
    number: int,
    outcome: Outcome,
    *,
    error: StoredError | None = None,
) -> bool:
    """End the rotation in this round; whether it was this call that did.

    ``outcome`` counts only without an ``error``, with which it has failed and people are told.
    """
    output = {**_sum_of_ranges(rotation, outcome, error), "rounds": number + 1}
    with in_round(rotation, number) as stored:
        if stored is None:
            return False
        vacuums_of(rotation).cancel()
        stored.beat(output["rotated_rows"])
        stored.finish(failed=error is not None, output_data=output)
    if error is not None:
        alert_failure(stored)
    return True


def give_up(rotation: BatchOperation, error: StoredError) -> None:
    """Fail the rotation because nobody can tell how its round ended."""
    finish(rotation, current_round(rotation), Outcome.STOPPED, error=error)


def rotated_rows_of(part: BatchOperation, rotation: BatchOperation) -> int:
    """Rows that all attempts at the range have rotated, however they ended."""
    rotated_rows = read_number((value_of(part) or {}).get("rotated_rows"), -1)
    if rotated_rows >= 0:
        return int(rotated_rows)
    target = target_of_rotation(rotation)
    with reading(target.database) as connection:
        return rows_of_failed(part, pending_rows_of(connection, target, keys_of(part)))


def _sum_of_ranges(
    rotation: BatchOperation, outcome: Outcome, error: StoredError | None
) -> dict[str, Any]:
    total = Result(outcome)
    lost, ranges = 0, 0
    blockers: list[Any] = []
    for part in ranges_of(rotation).order_by("id").iterator():
        ranges, lost = ranges + 1, lost + losses(part)
        total.rotated_rows += rotated_rows_of(part, rotation)
        figures = figures_of(part)
        total.add(figures)
        if "blockers" in figures:
            # Of the lone range that waited for them.
            total.skipped_rows = read_number(figures.get("skipped_rows"))
            blockers = figures["blockers"]
    vacuums = [vacuum_value_of(vacuum) for vacuum in vacuums_of(rotation)]
    total.vacuums = sum(value is not None and value.get("done") is True for value in vacuums)
    total.seconds = _seconds_since_start(rotation)
    if outcome is not Outcome.ROWS_LOCKED:
        total.skipped_rows, blockers = 0, []
    return {**as_output(total, error), "ranges": ranges, "losses": lost, "blockers": blockers}


def _seconds_since_start(rotation: BatchOperation) -> float:
    """By the database's clock."""
    records = BatchOperation.objects.using(records_database()).filter(pk=rotation.pk)
    started_at, now = records.values_list("started_at", Now()).get()
    return float((now - started_at).total_seconds())
