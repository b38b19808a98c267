"""End a rotation whose rounds make no progress."""

from __future__ import annotations

from token_rotation.distributed.ranges.work_range import OUT_OF_TIME
from token_rotation.distributed.records import round_of
from token_rotation.distributed.results import value_of
from token_rotation.distributed.rounds.verdict import RoundEnd, Verdict
from token_rotation.engine.result import Outcome
from token_rotation.errors import KeyOrderError, UnyieldingRowsError
from token_rotation.operations import describe_explained
from token_rotation.operations.models import BatchOperation

ROUNDS_IN_VAIN = 5
NOT_MENDED_BY_ANOTHER_ROUND = {
    f"{each.__module__}.{each.__qualname__}" for each in (KeyOrderError, UnyieldingRowsError)
}


def hopeless(rotation: BatchOperation, number: int, end: RoundEnd) -> Verdict | None:
    """Return the end of a rotation after this round if another one would not help, or None.

    A worker has found that rows do not rotate, and all others were tried. Or ``ROUNDS_IN_VAIN``
    rounds in a row have found no fewer pending rows than the one before them.
    """
    unmended = end.error is not None and end.error.type in NOT_MENDED_BY_ANOTHER_ROUND
    if unmended and not (end.any_out_of_time or end.any_beyond):
        return Verdict(Outcome.STOPPED, end.error)
    if number < ROUNDS_IN_VAIN:
        return None
    before, *last = (
        _found_rows(rotation, each) for each in range(number - ROUNDS_IN_VAIN, number + 1)
    )
    if before is None or any(rows is None or rows < before for rows in last):
        return None
    error = UnyieldingRowsError(
        f"{ROUNDS_IN_VAIN} rounds in a row found no fewer pending rows than the one before them: "
        "rows become pending as fast as workers rotate them. Find what sets their marker back"
    )
    return Verdict(Outcome.STOPPED, end.error or describe_explained(error))


def _found_rows(rotation: BatchOperation, number: int) -> int | None:
    """Return the rows that a round found pending; None where a worker did not come to its end."""
    total = 0
    for work_range in round_of(rotation, number):
        value = value_of(work_range) or {}
        if work_range.progress_total is None or value.get("outcome") == OUT_OF_TIME:
            return None
        total += work_range.progress_total
    return total
