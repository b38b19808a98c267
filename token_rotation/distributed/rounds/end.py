"""End a round: ask the data if all is complete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from token_rotation.distributed.inputs import input_of, keys_of, target_of
from token_rotation.distributed.ranges.work_range import OUT_OF_TIME
from token_rotation.distributed.records import (
    all_worked_off,
    current_round,
    rotation_of,
    round_of,
)
from token_rotation.distributed.results import value_of
from token_rotation.distributed.rounds.begin import WITHDRAWN, create_round, send_waiting
from token_rotation.distributed.rounds.finish import (
    FAILED_ROWS,
    finish,
    in_round,
    rotated_rows_of,
    rows_of_failed_ranges,
)
from token_rotation.distributed.rounds.hopeless import hopeless
from token_rotation.distributed.rounds.split import split
from token_rotation.distributed.rounds.verdict import RoundEnd, Verdict, verdict
from token_rotation.distributed.rounds.verify import verdict_of
from token_rotation.engine.refused import read_refused
from token_rotation.engine.result import Outcome, Result
from token_rotation.inspection.counting import COUNT_AT_MOST_SECONDS, count_pending
from token_rotation.operations.lifecycle import Result as StoredResult
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import read_error, read_object, read_reason
from token_rotation.postgres.reading import reading
from token_rotation.selection.key_range import EVERY_KEY, KeyRange


def end_round(rotation: BatchOperation, number: int) -> dict[str, Any]:
    """Finish the rotation, or begin its next round.

    Returns what was done, as JSON values. Any number of processes may call this, also at once: a
    lock on the rotation lets one of them end the round. Before that they only look.

    Raises RotationError or UnavailableError; it may then be called again.
    """
    rotation.refresh_from_db()
    if rotation.status != Status.RUNNING:
        return {"outcome": "ended before"}
    if current_round(rotation) != number:  # an earlier call may have failed to send them all
        send_waiting(round_of(rotation, current_round(rotation)))
        return {"next_round": current_round(rotation)}
    work_ranges = round_of(rotation, number)
    if not all_worked_off(work_ranges):
        raise RuntimeError(f"round {number} of {rotation} has ranges left and cannot be ended")
    decided, ranges = _decide(rotation, _end_of(work_ranges, rotation))
    if decided is not None:
        end = Result(decided.outcome)
        if decided.outcome is Outcome.COMPLETE:
            end.settle(verdict_of(rotation))
        finish(rotation, number, end.outcome, error=decided.error, verdict=end.verdict)
        return {"outcome": "error" if decided.error else end.outcome.name.lower()}
    # Before the next round begins: its ranges rotate the rest of the failed ones.
    failed_rows = rows_of_failed_ranges(work_ranges, rotation)
    with in_round(rotation, number) as stored:
        if stored is not None:
            create_round(stored, number + 1, ranges)
            stored.output_data = {"rounds": number + 1, FAILED_ROWS: failed_rows}
            stored.save(update_fields=["output_data"])
    send_waiting(round_of(rotation, number + 1))
    return {"next_round": number + 1}


def end_round_of(end: BatchOperation) -> dict[str, Any]:
    """``end_round`` for the operation of a round's end."""
    rotation = rotation_of(end)
    if rotation is None:
        return {"outcome": "ended before"}
    return end_round(rotation, int(input_of(end)["round"]))


def _decide(rotation: BatchOperation, end: RoundEnd) -> tuple[Verdict | None, list[KeyRange]]:
    """The verdict, or else the ranges of the next round."""
    target = target_of(rotation)
    with reading(target.database) as connection:
        # Without an index the estimate may be above 0 while nothing is pending: count it all.
        bound = COUNT_AT_MOST_SECONDS if target.selection.is_indexed else None
        pending = count_pending(connection, target, at_most_seconds=bound)
        stop_requested = rotation.stop_requested_at is not None
        rows, later_rows = pending.rows - pending.later_rows, pending.later_rows
        decided = verdict(
            rows, end, stop_requested=stop_requested, later_rows=later_rows
        ) or hopeless(rotation, current_round(rotation), end)
        if decided is not None:
            return decided, []
        if not end.is_fruitful:
            return None, [EVERY_KEY]
        return None, split(connection, target, rows)


def _end_of(work_ranges: Sequence[BatchOperation], rotation: BatchOperation) -> RoundEnd:
    failed = [
        each for each in work_ranges if each.result == StoredResult.FAILED and not value_of(each)
    ]
    values = [value for each in work_ranges if (value := value_of(each))]
    outcomes = [value.get("outcome") for value in values]
    withdrawn = read_error(read_object(rotation.output_data).get(WITHDRAWN))
    waited = bool(work_ranges) and all(input_of(each)["waits_for_locks"] for each in work_ranges)
    return RoundEnd(
        rotated_rows=sum(rotated_rows_of(each, rotation) for each in work_ranges),
        any_out_of_time=OUT_OF_TIME in outcomes,
        waited_for_locks=waited,
        error=read_reason(failed[0].output_data) if failed else withdrawn,
        any_refused=any(map(read_refused, values)),
        any_locked=Outcome.ROWS_LOCKED.name.lower() in outcomes,
        any_beyond=all(keys_of(each).upper is not None for each in work_ranges),
    )
