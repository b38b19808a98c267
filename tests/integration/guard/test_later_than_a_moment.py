"""A marker of a moment is not later than that moment, and one a microsecond later is."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.support.driver import sql
from tests.support.marked_rows import AT, CUT_OFF, EARLY, LATE, PENDING, ask, keys_of, store
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.sql.pending import is_later, later, pending, values_of

MARKER = sql.Identifier("token_rotated_at")
MOMENT = sql.Literal(CUT_OFF)
MICROSECOND = timedelta(microseconds=1)
OPEN = Condition('"tickets_ticket"."status" = %s', ("open",))


@pytest.fixture
def rows(tickets: Any) -> Any:
    store(tickets)
    return tickets


def found(rows: Any, term: sql.Composable, values: dict[str, Any]) -> list[Any]:
    query = sql.SQL("SELECT id FROM tickets_ticket WHERE {} ORDER BY id").format(term)
    return keys_of(ask(rows, query, **values))


def test_only_later_markers_are_later(rows: Any, target: Target) -> None:
    assert found(rows, is_later(MARKER, than=MOMENT), {}) == LATE
    assert found(rows, later(target, than=MOMENT), {}) == LATE
    before = sql.Literal(CUT_OFF - MICROSECOND)
    assert found(rows, is_later(MARKER, than=before), {}) == sorted([*AT, *LATE])
    closed = replace(target, selection=Selection(condition=OPEN))
    values = values_of(closed, EVERY_KEY)
    assert found(rows, later(closed, than=before), values) == [n for n in LATE if n % 2 == 0]


@pytest.mark.parametrize(
    ("cut_off", "early"),
    [(CUT_OFF, EARLY), (CUT_OFF + MICROSECOND, [*EARLY, *AT]), (CUT_OFF - timedelta(30), [])],
)
def test_rows_before_a_cut_off_are_pending_and_later_than_a_moment_too_if_that_is_asked(
    rows: Any, target: Target, cut_off: Any, early: list[int]
) -> None:
    old = replace(target, selection=Selection(issued_before=cut_off))
    values = values_of(old, EVERY_KEY)
    expected = sorted([*PENDING, *early])
    assert found(rows, pending(old, EVERY_KEY), values) == expected
    with_later = pending(old, EVERY_KEY, later_than=MOMENT)
    assert found(rows, with_later, values) == sorted([*expected, *LATE])
    assert found(rows, pending(old, EVERY_KEY, for_planner=True), values) == expected
    assert found(rows, pending(target, EVERY_KEY, later_than=MOMENT), {}) == sorted(PENDING)
