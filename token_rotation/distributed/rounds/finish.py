"""Finish a distributed rotation's record with all ranges' figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from token_rotation.distributed.inputs import input_of, keys_of, target_of
from token_rotation.distributed.ranges.range_totals import rows_of_failed
from token_rotation.distributed.records import (
    current_round,
    ranges_of,
    records_database,
    vacuums_of,
)
from token_rotation.distributed.results import figures_of, vacuum_value_of, value_of
from token_rotation.engine.refused import Refused, read_refused, sum_of
from token_rotation.engine.result import Outcome, Result, read_blockers
from token_rotation.errors import SelectionError, StatementError, UnknownTargetError
from token_rotation.inspection.counting import pending_rows_of
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.operations.execution.claim import losses
from token_rotation.operations.failures.alerts import alert_failure
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import StoredError, read_number, read_object
from token_rotation.postgres.reading import reading
from token_rotation.postgres.transaction_settings import without_standby
from token_rotation.run.recording.result_values import stored_values
from token_rotation.run.security_trail import FAILED, INCOMPLETE, NOTHING_PENDING, tell_ended

# Where a running rotation keeps the rows of failed ranges, by the range's number.
FAILED_ROWS = "failed_rows"


@contextmanager
def in_round(rotation: BatchOperation, number: int) -> Iterator[BatchOperation | None]:
    """Return the stored rotation, locked, or None.

    It is None when the rotation has ended or is in another round.
    """
    database = records_database()
    with without_standby(database), transaction.atomic(using=database):
        records = BatchOperation.objects.using(database).filter(pk=rotation.pk)
        stored = records.select_for_update(no_key=True).filter(status=Status.RUNNING).first()
        yield stored if stored is not None and current_round(stored) == number else None


def finish(
    rotation: BatchOperation,
    number: int,
    outcome: Outcome,
    *,
    error: StoredError | None = None,
    verdict: Verdict | Unread | None = None,
) -> bool:
    """End the rotation in this round.

    Returns True when this call did. With an ``error`` the rotation has failed: ``outcome`` does not
    count, and an alert is sent. ``verdict`` is what a read of the table has found.
    """
    output = {**_sum_of_ranges(rotation, outcome, verdict, error), "rounds": number + 1}
    with in_round(rotation, number) as stored:
        if stored is None:
            return False
        vacuums_of(rotation).cancel()
        stored.beat(output["rotated_rows"])
        stored.finish(failed=error is not None, output_data=output)
    _tell(rotation, outcome, output["rotated_rows"], error=error, verdict=verdict)
    if error is not None:
        alert_failure(stored)
    return True


def _tell(
    rotation: BatchOperation,
    outcome: Outcome,
    rows: int,
    *,
    error: StoredError | None,
    verdict: Verdict | Unread | None,
) -> None:
    """Log the end for the security team. Nobody looked at the guard, so it is never complete."""
    done = outcome is Outcome.COMPLETE and verdict is not None and verdict.nothing_pending
    how = FAILED if error is not None else NOTHING_PENDING if done else INCOMPLETE
    recorded = input_of(rotation)
    label, database = str(recorded.get("model")), str(recorded.get("database"))
    tell_ended(label, database, how, rows, error=error.type if error else None)


def fail(rotation: BatchOperation, error: StoredError) -> None:
    """Fail the rotation: the end of its round has failed."""
    finish(rotation, current_round(rotation), Outcome.STOPPED, error=error)


def rotated_rows_of(work_range: BatchOperation, rotation: BatchOperation) -> int:
    """Return the rows that the range's attempts have rotated.

    It counts all of them, however they ended. Where the table cannot be asked, because the model or
    the table is gone, the last beat counts.
    """
    known = _failed_rows(rotation).get(str(work_range.pk))
    rotated_rows = read_number((value_of(work_range) or {}).get("rotated_rows", known), -1)
    if rotated_rows >= 0:
        return int(rotated_rows)
    try:
        target = target_of(rotation)
        with reading(target.database) as connection:
            pending_rows = pending_rows_of(connection, target, keys_of(work_range))
    except (UnknownTargetError, SelectionError, StatementError):
        return work_range.progress_done
    return rows_of_failed(work_range, pending_rows)


def rows_of_failed_ranges(
    work_ranges: Sequence[BatchOperation], rotation: BatchOperation
) -> dict[str, Any]:
    """Return the rows of all ranges without a result, as the rotation stores them.

    Those of earlier rounds come first; ``work_ranges`` are those of the round that ends.
    """
    failed = [each for each in work_ranges if value_of(each) is None]
    return _failed_rows(rotation) | {
        str(each.pk): rotated_rows_of(each, rotation) for each in failed
    }


def _failed_rows(rotation: BatchOperation) -> dict[str, Any]:
    return read_object(read_object(rotation.output_data).get(FAILED_ROWS))


def _sum_of_ranges(
    rotation: BatchOperation,
    outcome: Outcome,
    verdict: Verdict | Unread | None,
    error: StoredError | None,
) -> dict[str, Any]:
    total = Result(outcome, verdict=verdict)
    lost, ranges = 0, 0
    blockers: list[Any] = []
    refused: dict[Any, list[Refused]] = {}
    for work_range in ranges_of(rotation).order_by("id").iterator():
        ranges, lost = ranges + 1, lost + losses(work_range)
        total.rotated_rows += rotated_rows_of(work_range, rotation)
        figures = figures_of(work_range)
        total.add(figures)
        if found := read_refused(figures):
            refused.setdefault(input_of(work_range).get("round"), []).append(found)
        if "blockers" in figures:
            # Of the lone range that waited for them.
            total.skipped_rows = read_number(figures.get("skipped_rows"))
            blockers = figures["blockers"]
    vacuums = [vacuum_value_of(vacuum) for vacuum in vacuums_of(rotation)]
    total.vacuums = sum(value is not None and value.get("done") is True for value in vacuums)
    total.seconds = _seconds_since_start(rotation)
    if refused and outcome is not Outcome.COMPLETE:
        *_, last_round = refused.values()  # the later rounds tried them again
        total.refused = sum_of(last_round)
    if outcome is not Outcome.ROWS_LOCKED:
        total.skipped_rows, blockers = 0, []
    total.blockers = read_blockers(blockers)
    return {**stored_values(total, error), "ranges": ranges, "losses": lost, "blockers": blockers}


def _seconds_since_start(rotation: BatchOperation) -> float:
    """Seconds since the start, by the database's clock."""
    records = BatchOperation.objects.using(records_database()).filter(pk=rotation.pk)
    started_at, now = records.values_list("started_at", Now()).get()
    return float((now - started_at).total_seconds())
