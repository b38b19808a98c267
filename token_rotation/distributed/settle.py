"""The end of a round: ask the data whether the rotation is complete."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from token_rotation.distributed.ending import finish, in_round, rotated_rows_of
from token_rotation.distributed.records import (
    WITHDRAWN,
    all_worked_off,
    current_round,
    input_of,
    rotation_of,
    round_of,
    target_of_rotation,
    value_of,
)
from token_rotation.distributed.rounds import create_round, send_waiting
from token_rotation.distributed.split import split
from token_rotation.distributed.work_range import OUT_OF_TIME
from token_rotation.engine.result import Outcome
from token_rotation.inspection.counting import COUNT_AT_MOST_SECONDS, count_pending
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import (
    StoredError,
    read_error,
    read_object,
    read_reason,
)
from token_rotation.postgres.connection import reading
from token_rotation.selection.key_range import EVERY_KEY


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """How a round went. ``error``: why ranges of it have failed or were withdrawn, else None."""

    rotated_rows: int
    any_out_of_time: bool
    was_patient: bool
    error: StoredError | None

    @property
    def is_fruitful(self) -> bool:
        """It has rotated rows, or was held back by a throttle until its time was up."""
        return self.rotated_rows > 0 or self.any_out_of_time


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    error: StoredError | None = None


def verdict(pending_rows: int, end: RoundEnd, *, stop_requested: bool) -> Verdict | None:
    """How the rotation ends after this round; None when it goes on.

    A range that failed is rotated again in the next round, unless nothing else came of this one,
    or its worker has asked all the others to stop.
    """
    if pending_rows == 0:
        return Verdict(Outcome.COMPLETE)
    if end.error is not None and (stop_requested or not end.is_fruitful):
        return Verdict(Outcome.STOPPED, end.error)
    if stop_requested:
        return Verdict(Outcome.STOPPED)
    if end.was_patient and not end.is_fruitful:
        return Verdict(Outcome.ROWS_LOCKED)
    return None


def settle(rotation: BatchOperation, number: int) -> dict[str, Any]:
    """Finish the rotation, or begin its next round; what was done, as JSON values.

    May be called any number of times, also at once: the round is ended under a lock on the
    rotation, once. Only look-ups are made before.

    Raises RotationError, UnavailableError; it may then be called again.
    """
    rotation.refresh_from_db()
    if rotation.status != Status.RUNNING:
        return {"outcome": "ended before"}
    if current_round(rotation) != number:  # this end was at work before and could not send them all
        send_waiting(round_of(rotation, current_round(rotation)))
        return {"next_round": current_round(rotation)}
    parts = round_of(rotation, number)
    if not all_worked_off(parts):
        raise RuntimeError(f"round {number} of {rotation} was to be settled and is not over")
    end = _end_of(parts, rotation)
    target = target_of_rotation(rotation)
    with reading(target.database) as connection:
        # An estimate of what no index holds may be above 0 with nothing pending.
        bound = COUNT_AT_MOST_SECONDS if target.selection.is_indexed else None
        pending = count_pending(connection, target, at_most_seconds=bound)
        stop_requested = rotation.stop_requested_at is not None
        ends = verdict(pending.rows, end, stop_requested=stop_requested)
        if ends is None:
            ranges = split(connection, target, pending.rows) if end.is_fruitful else [EVERY_KEY]
    if ends is not None:
        finish(rotation, number, ends.outcome, error=ends.error)
        return {"outcome": "error" if ends.error else ends.outcome.name.lower()}
    with in_round(rotation, number) as stored:
        if stored is not None:
            create_round(stored, number + 1, ranges)
            stored.output_data = {"rounds": number + 1}
            stored.save(update_fields=["output_data"])
    send_waiting(round_of(rotation, number + 1))
    return {"next_round": number + 1}


def settle_part(end: BatchOperation) -> dict[str, Any]:
    """``settle`` for the operation of a round's end."""
    rotation = rotation_of(end)
    if rotation is None:
        return {"outcome": "ended before"}
    return settle(rotation, int(input_of(end)["round"]))


def _end_of(parts: Sequence[BatchOperation], rotation: BatchOperation) -> RoundEnd:
    failed = [part for part in parts if part.result == Result.FAILED and value_of(part) is None]
    outcomes = [value.get("outcome") for part in parts if (value := value_of(part)) is not None]
    withdrawn = read_error(read_object(rotation.output_data).get(WITHDRAWN))
    return RoundEnd(
        rotated_rows=sum(rotated_rows_of(part, rotation) for part in parts),
        any_out_of_time=OUT_OF_TIME in outcomes,
        was_patient=bool(parts) and all(input_of(part)["is_patient"] for part in parts),
        error=read_reason(failed[0].output_data) if failed else withdrawn,
    )
