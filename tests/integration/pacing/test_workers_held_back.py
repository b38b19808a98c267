"""A worker that the traffic budget holds back does not hold up the rotation's end."""

from typing import Any

import pytest

from tests.support.leaked import leak
from tests.support.rotations import RotationFactory
from token_rotation.engine.result import Outcome


@pytest.mark.timeout(60)
def test_it_ends_when_the_other_has_taken_all_rows_of_the_limit(
    tickets: Any, rotation: RotationFactory
) -> None:
    leak(tickets, 1_000)
    result = rotation(workers=2, limit_rows=100, traffic_budget_ms=0.001).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.LIMIT_REACHED, 100)


@pytest.mark.timeout(60)
def test_it_ends_with_the_pass_of_the_other(tickets: Any, rotation: RotationFactory) -> None:
    leak(tickets, 100)
    result = rotation(workers=2, traffic_budget_ms=0.001).run()
    assert (result.outcome, result.rotated_rows) == (Outcome.COMPLETE, 100)
