"""A distributed rotation whose rounds find no fewer rows is ended."""

from dataclasses import replace

import pytest

from token_rotation.distributed.ranges.work_range import OUT_OF_TIME
from token_rotation.distributed.results import ROTATE_KEY_RANGE
from token_rotation.distributed.rounds.begin import create_round
from token_rotation.distributed.rounds.hopeless import ROUNDS_IN_VAIN, hopeless
from token_rotation.distributed.rounds.verdict import RoundEnd, Verdict
from token_rotation.engine.result import Outcome
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.stored_output import StoredError
from token_rotation.selection.key_range import EVERY_KEY, KeyRange

pytestmark = pytest.mark.django_db(transaction=True)

FRUITFUL = RoundEnd(5, any_out_of_time=False, waited_for_locks=False, error=None)
RANGES = [KeyRange(None, "9"), KeyRange("9", None)]


def rotation_with(*found: tuple[int, int], outcome: str = "complete") -> BatchOperation:
    """One whose rounds found so many rows in their two ranges."""
    rotation = BatchOperation.objects.create_synchronous("rotation", input_data={})
    for number, totals in enumerate(found):
        for work_range, rows in zip(create_round(rotation, number, RANGES), totals, strict=True):
            work_range.mark_as_running()
            work_range.beat(rows, rows)
            action = {"action": ROTATE_KEY_RANGE, "status": "successful"}
            value = {"outcome": outcome, "rotated_rows": rows}
            work_range.finish(failed=False, output_data={"actions": [{**action, "value": value}]})
    return rotation


def test_rounds_that_find_no_fewer_rows_are_the_end() -> None:
    rotation = rotation_with(*[(3, 4)] * (ROUNDS_IN_VAIN + 1))
    assert hopeless(rotation, ROUNDS_IN_VAIN - 1, FRUITFUL) is None
    decided = hopeless(rotation, ROUNDS_IN_VAIN, FRUITFUL)
    assert decided is not None
    assert decided.outcome is Outcome.STOPPED
    assert decided.error is not None
    assert "found no fewer pending rows" in decided.error.message


def test_one_round_that_finds_fewer_is_progress() -> None:
    rotation = rotation_with(*[(3, 4)] * ROUNDS_IN_VAIN, (3, 3))
    assert hopeless(rotation, ROUNDS_IN_VAIN, FRUITFUL) is None


def test_rounds_that_ran_out_of_time_say_nothing() -> None:
    rotation = rotation_with(*[(3, 4)] * (ROUNDS_IN_VAIN + 1), outcome=OUT_OF_TIME)
    assert hopeless(rotation, ROUNDS_IN_VAIN, FRUITFUL) is None


@pytest.mark.parametrize("kind", ["KeyOrderError", "UnyieldingRowsError"])
def test_what_a_worker_found_that_no_round_mends_is_the_end_at_once(kind: str) -> None:
    error = StoredError(f"token_rotation.errors.{kind}", "why")
    create_round(rotation := rotation_with(), 0, [EVERY_KEY])
    end = RoundEnd(5, any_out_of_time=False, waited_for_locks=False, error=error)
    assert hopeless(rotation, 0, end) == Verdict(Outcome.STOPPED, error)


@pytest.mark.parametrize("untried", ["any_out_of_time", "any_beyond"])
def test_rows_that_no_worker_has_tried_get_a_round_of_their_own(untried: str) -> None:
    error = StoredError("token_rotation.errors.UnyieldingRowsError", "why")
    create_round(rotation := rotation_with(), 0, [EVERY_KEY])
    end = replace(FRUITFUL, error=error, **{untried: True})
    assert hopeless(rotation, 0, end) is None
