"""A finished record is summed up, whatever figures it holds."""

from dataclasses import asdict
from typing import Any

import pytest

from tests.support.junk import JUNK
from token_rotation.distributed.follow import result_of
from token_rotation.engine.refused import Refused, RefusedRow
from token_rotation.engine.result import Blocker, Outcome
from token_rotation.operations.lifecycle import Result
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import NO_REASON, StoredError


def finished(output: Any, result: Result = Result.SUCCESSFUL) -> BatchOperation:
    return BatchOperation(output_data=output, result=result, progress_done=7)


@pytest.mark.parametrize(
    "junk", [*JUNK, {"blockers": [1, {"a": 1}]}], ids=lambda junk: str(junk)[:30]
)
def test_a_record_without_figures_counts_as_stopped(junk: Any) -> None:
    result, _ = result_of(finished(junk))

    assert result.outcome is Outcome.STOPPED
    assert (result.rotated_rows, result.batches, result.blockers) == (7, 0, ())


def test_figures_are_read() -> None:
    blocker = Blocker(pid=1, state="idle", transaction_seconds=2.0)
    output = {
        "outcome": "rows_locked",
        "rotated_rows": 5,
        "batches": 2,
        "skipped_rows": 1,
        "retries": 3,
        "seconds": 1.5,
        "vacuums": 1,
        "waited_seconds": {"pace": 0.5},
        "blockers": [asdict(blocker)],
        "refused": {"rows": 1, "named": [{"name": "id 7", "reason": "why"}]},
    }

    result, error = result_of(finished(output))

    assert error is None
    assert (result.outcome, result.rotated_rows, result.skipped_rows) == (Outcome.ROWS_LOCKED, 5, 1)
    assert (result.batches, result.retries, result.vacuums) == (2, 3, 1)
    assert (result.seconds, result.waited_seconds) == (1.5, {"pace": 0.5})
    assert result.blockers == (blocker,)
    assert result.refused == Refused(1, (RefusedRow("id 7", "why"),))


def test_a_failure_without_a_reason_is_still_an_error() -> None:
    _, error = result_of(finished({}, Result.FAILED))

    assert error == StoredError("", NO_REASON)
