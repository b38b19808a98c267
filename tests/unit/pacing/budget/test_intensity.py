"""One level of intensity moves rests, rows and workers, in this order."""

from itertools import pairwise

import pytest

from token_rotation.pacing.budget.intensity import GENTLEST_ROWS, LEAST_DUTY, Intensity


def levels(intensity: Intensity, factor: float) -> list[tuple[int, float, int]]:
    """What each step means, until the last one changes nothing."""
    found: list[tuple[int, float, int]] = []
    while True:
        actuators = intensity.actuators
        found.append((actuators.rows, actuators.rest, actuators.workers))
        before = intensity.level
        intensity.multiply(factor)
        if intensity.level == before:
            return found


def test_rests_shrink_then_rows_grow_then_workers_join() -> None:
    found = levels(Intensity(largest_rows=4000, workers=4), 1.25)
    gentlest, full = found[0], found[-1]
    assert gentlest == (GENTLEST_ROWS, pytest.approx(1 / LEAST_DUTY - 1), 1)
    assert full == (4000, 0, 4)
    for before, after in pairwise(found):
        assert after[0] >= before[0]
        assert after[1] <= before[1]
        assert after[2] >= before[2]
        assert after[0] == GENTLEST_ROWS or after[1] == 0, "no rest once batches grow"
        assert after[2] == 1 or after[0] == 4000, "no second worker before the largest batches"
    assert {workers for _, _, workers in found} == {1, 2, 3, 4}


def test_the_way_down_is_the_way_up() -> None:
    intensity = Intensity(largest_rows=1000, workers=3)
    up = levels(intensity, 2)
    down = levels(intensity, 0.5)
    assert len(up) == len(down)
    assert up[0] == down[-1]
    assert up[-1] == down[0]


def test_twice_as_hard_is_twice_the_work_with_rests_and_with_rows() -> None:
    intensity = Intensity(largest_rows=4000)
    duty = 1 / (1 + intensity.actuators.rest)
    intensity.multiply(2)
    assert 1 / (1 + intensity.actuators.rest) == pytest.approx(2 * duty)
    intensity.begin_at(500)
    intensity.multiply(2)
    assert (intensity.actuators.rows, intensity.actuators.rest) == (1000, 0)


def test_it_stays_within_its_bounds() -> None:
    intensity = Intensity(largest_rows=4000, workers=2)
    assert intensity.is_least
    assert not intensity.is_full
    intensity.multiply(1e-9)
    assert intensity.is_least
    intensity.multiply(1e9)
    assert intensity.is_full
    intensity.multiply(0.99)
    assert not intensity.is_full


@pytest.mark.parametrize(("rows", "begins_at"), [(1, 15), (200, 200), (10**9, 4000)])
def test_it_begins_with_one_worker_and_no_rest(rows: int, begins_at: int) -> None:
    intensity = Intensity(largest_rows=4000)
    intensity.begin_at(rows)
    actuators = intensity.actuators
    assert (actuators.rows, actuators.rest, actuators.workers) == (begins_at, 0, 1)


def test_batches_that_can_only_be_small_are_no_reason_for_more_rest() -> None:
    intensity = Intensity(largest_rows=3)
    intensity.multiply(1e9)
    assert (intensity.actuators.rows, intensity.actuators.rest) == (GENTLEST_ROWS, 0)
