"""When a distributed rotation goes on after a round, and how it ends."""

from dataclasses import replace

import pytest

from token_rotation.distributed.rounds.verdict import RoundEnd, Verdict, verdict
from token_rotation.engine.result import Outcome
from token_rotation.operations.stored_output import StoredError

IT_BROKE = StoredError("Error", "it broke")
NOTHING = RoundEnd(rotated_rows=0, any_out_of_time=False, waited_for_locks=False, error=None)
SOME = replace(NOTHING, rotated_rows=5)
THROTTLED = replace(NOTHING, any_out_of_time=True, waited_for_locks=True)
WAITED = replace(NOTHING, waited_for_locks=True)
BROKEN = replace(NOTHING, error=IT_BROKE)
HALF_BROKEN = replace(BROKEN, rotated_rows=5)


@pytest.mark.parametrize("end", [NOTHING, SOME, WAITED, BROKEN])
def test_nothing_pending_is_complete_however_it_came_about(end: RoundEnd) -> None:
    for stop_requested in (False, True):
        assert verdict(0, end, stop_requested=stop_requested) == Verdict(Outcome.COMPLETE)


@pytest.mark.parametrize("end", [NOTHING, SOME, WAITED])
def test_rows_whose_marker_is_later_than_the_clock_are_never_complete(end: RoundEnd) -> None:
    ahead = Verdict(Outcome.MARKERS_AHEAD)
    assert verdict(0, end, stop_requested=False, later_rows=1) == ahead


@pytest.mark.parametrize("end", [NOTHING, SOME, THROTTLED, HALF_BROKEN])
def test_with_rows_pending_it_goes_on(end: RoundEnd) -> None:
    assert verdict(1, end, stop_requested=False) is None


@pytest.mark.parametrize("end", [NOTHING, SOME, THROTTLED, WAITED])
def test_a_stop_ends_it(end: RoundEnd) -> None:
    assert verdict(1, end, stop_requested=True) == Verdict(Outcome.STOPPED)


def test_rows_that_the_lone_range_waited_for_in_vain_end_it() -> None:
    assert verdict(1, WAITED, stop_requested=False) == Verdict(Outcome.ROWS_LOCKED)


def test_refused_rows_end_it_once_nothing_else_is_left_to_do() -> None:
    refused = replace(NOTHING, any_refused=True)
    assert verdict(1, refused, stop_requested=False) == Verdict(Outcome.ROWS_REFUSED)
    alone = replace(refused, waited_for_locks=True)
    assert verdict(1, alone, stop_requested=False) == Verdict(Outcome.ROWS_REFUSED)
    assert verdict(1, replace(refused, rotated_rows=5), stop_requested=False) is None
    assert verdict(0, refused, stop_requested=False) == Verdict(Outcome.COMPLETE)


def test_rows_that_are_locked_beside_refused_ones_are_waited_for_first() -> None:
    both = replace(NOTHING, any_refused=True, any_locked=True)
    assert verdict(1, both, stop_requested=False) is None
    waited = replace(both, waited_for_locks=True)
    assert verdict(1, waited, stop_requested=False) == Verdict(Outcome.ROWS_LOCKED)


def test_a_round_that_only_failed_ends_it_with_the_error() -> None:
    assert verdict(1, BROKEN, stop_requested=False) == Verdict(Outcome.STOPPED, IT_BROKE)


def test_a_range_that_stops_all_others_gives_the_reason() -> None:
    assert verdict(1, HALF_BROKEN, stop_requested=True) == Verdict(Outcome.STOPPED, IT_BROKE)
