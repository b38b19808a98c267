"""A rotation is complete when nothing is pending and every trigger of the guard fires."""

from itertools import product

import pytest

from tests.support.verdicts import verdict_of
from token_rotation.engine.result import Result
from token_rotation.inspection.counting import PendingCount
from token_rotation.inspection.preflight import GuardState
from token_rotation.inspection.problem import Problem
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.run import summary

PROBLEM = Problem("token_rotation.E005", "There is no index", "migrate")
NOTHING, ONE = (PendingCount(rows, is_estimate=False) for rows in (0, 1))


def guarded(*states: str, problems: tuple[Problem, ...] = ()) -> GuardState:
    return GuardState({f"{n}": state for n, state in enumerate(states)}, {}, problems)


HOLDS = guarded("enabled", "enabled")
DOES_NOT_HOLD = [
    guarded(),
    guarded("disabled"),
    guarded("enabled", "missing"),
    guarded("disabled", "enabled"),
]


def test_a_guard_holds_when_every_trigger_fires_whatever_else_is_amiss() -> None:
    assert HOLDS.holds
    assert HOLDS.intact
    amiss = guarded("enabled", problems=(PROBLEM,))
    assert amiss.holds
    assert not amiss.intact
    assert not any(guard.holds for guard in DOES_NOT_HOLD)


@pytest.mark.parametrize(
    ("pending", "guard"), list(product((None, NOTHING, ONE), (None, HOLDS, *DOES_NOT_HOLD)))
)
def test_what_is_unknown_pending_or_unguarded_is_not_complete(
    pending: PendingCount | None, guard: GuardState | None
) -> None:
    verdict = verdict_of(pending=pending.rows) if pending else None
    complete = summary.Aftermath(pending, guard, verdict=verdict).complete
    assert complete is (pending is NOTHING and guard is HOLDS)


@pytest.mark.parametrize(
    "verdict", [None, Unread("too long"), verdict_of(pending=1), verdict_of(is_standby=True)]
)
def test_what_the_index_alone_says_is_not_complete(verdict: Verdict | Unread | None) -> None:
    assert not summary.Aftermath(NOTHING, HOLDS, verdict=verdict).complete


def test_rows_outside_of_the_selection_do_not_make_it_incomplete() -> None:
    verdict = verdict_of(everywhere=1)
    after = summary.Aftermath(NOTHING, HOLDS, verdict=verdict, outside=ONE)
    assert after.complete
    end = summary.end_event(Result(), after, None)
    assert (end["complete"], end["selection_complete"]) == (False, True)


@pytest.mark.parametrize(
    ("outside", "nothing_anywhere"), [(None, True), (NOTHING, True), (ONE, False)]
)
def test_nothing_is_left_anywhere_when_no_row_outside_of_the_selection_is_pending(
    outside: PendingCount | None, *, nothing_anywhere: bool
) -> None:
    after = summary.Aftermath(NOTHING, HOLDS, verdict=verdict_of(), outside=outside)
    assert after.complete
    assert after.nothing_anywhere is nothing_anywhere


def test_what_is_not_complete_leaves_something() -> None:
    after = summary.Aftermath(NOTHING, HOLDS, verdict=verdict_of(), retired_rows=1)
    assert not after.complete
    assert not after.nothing_anywhere
