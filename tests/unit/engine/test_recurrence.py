"""Rows that are pending again after pass upon pass are told from rows asked for once more."""

import pytest

from tests.support.clock import Clock
from token_rotation.engine.passes import recurrence as module
from token_rotation.engine.passes.pass_outcome import PassOutcome
from token_rotation.engine.passes.recurrence import Recurrence

NOTHING = PassOutcome()


def judged(
    clock: Clock, *passes: tuple[int, PassOutcome, set[str]], seconds: float = 0.0
) -> list[bool]:
    """What each pass, of so many rows, is judged to be."""
    recurrence = Recurrence(clock, at_most_seconds=60)
    total, found = 0, []
    for rows, left, keys in passes:
        total += rows
        clock.now += seconds
        found.append(recurrence.is_hopeless(left, total, keys))
    return found


def test_the_same_row_after_twenty_passes_that_rotated_it_is_the_end() -> None:
    passes = [(5, NOTHING, {"1"})] * 21  # after the first, nobody knows
    assert judged(Clock(), *passes) == [False] * 20 + [True]


def test_the_same_rows_after_three_passes_of_very_many_are_the_end() -> None:
    passes = [(50_000, NOTHING, {"1", "2"})] * 4
    assert judged(Clock(), *passes) == [False, False, False, True]


def test_changes_that_did_not_stick_count_as_rotated() -> None:
    passes = [(0, PassOutcome(did_not_stick=True), {"1"})] * 21
    assert judged(Clock(), *passes)[-1]


@pytest.mark.parametrize(
    "one",
    [
        (0, NOTHING, {"1"}),  # nothing was rotated
        (5, PassOutcome(1), {"1"}),  # it was skipped
    ],
)
def test_rows_that_no_pass_rotated_are_not_pending_again(
    one: tuple[int, PassOutcome, set[str]],
) -> None:
    assert not any(judged(Clock(), *[one] * 50))


def test_other_rows_each_time_begin_the_count_anew() -> None:
    passes = [(5, NOTHING, {"1"})] * 20 + [(5, NOTHING, {"2"})] + [(5, NOTHING, {"2"})] * 19
    assert not any(judged(Clock(), *passes))


def test_never_fewer_rows_for_long_are_the_end_whichever_they_are() -> None:
    passes = [(5, NOTHING, {str(place)}) for place in range(200)]
    assert not any(judged(Clock(), *passes, seconds=0.5)[:100])
    assert judged(Clock(), *passes, seconds=1.0).index(True) == module.PASSES_WITHOUT_FEWER
    assert not any(judged(Clock(), *passes, seconds=0.1))


def test_ever_fewer_rows_are_progress() -> None:
    passes = [(rows, NOTHING, {str(rows)}) for rows in range(300, 0, -1)]
    assert not any(judged(Clock(), *passes, seconds=9.0))
