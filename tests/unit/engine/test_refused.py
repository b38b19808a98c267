"""What is told of refused rows is short, holds no value, and is read back whatever was stored."""

from typing import Any

import pytest

from tests.support import driver
from tests.support.junk import JUNK
from token_rotation.engine.batches import refusals as module
from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.engine.batches.refusals import PendingRow, Refusals
from token_rotation.engine.passes.pass_outcome import PassOutcome, left_of
from token_rotation.engine.refused import Refused, RefusedRow, read_refused, sum_of
from token_rotation.events import Event, Remark
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

TARGET = Target(
    "tickets.Ticket", "default", "ticket", "id", "token", "at", SqlTokens("f()"), True, ()
)
KEYS = KeyRange(1, 2)


def rows(number: int, reason: str = "why") -> tuple[RefusedRow, ...]:
    return tuple(RefusedRow(f"id {place}", reason) for place in range(number))


def row(key: object) -> PendingRow:
    return PendingRow(key, str(key), "ticket", "(0,1)")


def test_ten_rows_are_said_by_reason_and_the_others_counted() -> None:
    said = Refused(5_000, rows(100)).as_sentence()
    assert said.startswith("PostgreSQL refused to change 5,000 rows (id 0, id 1, ")
    assert said.endswith("id 9: why; and 4,990 more)")
    two = Refused(2, (RefusedRow("id 1", "a"), RefusedRow("id 2", "b")))
    assert two.as_sentence() == "PostgreSQL refused to change 2 rows (id 1: a; id 2: b)"
    assert Refused().as_sentence() == ""
    assert "not every row was tried" in Refused(1, rows(1), others_untried=True).as_sentence()


def test_it_is_stored_and_read_back() -> None:
    for each in (Refused(), Refused(7, rows(3), others_untried=True)):
        assert read_refused({"refused": each.as_values()}) == each


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: str(junk)[:30])
def test_whatever_is_stored_is_read(junk: Any) -> None:
    assert not read_refused(junk)
    assert not read_refused({"refused": junk})
    found = read_refused({"refused": {"rows": junk, "named": [junk, {"name": junk}]}})
    assert found.rows == 2


def test_parts_add_up_and_name_a_hundred_rows_at_most() -> None:
    total = sum_of([Refused(70, rows(70)), Refused(), Refused(80, rows(80), others_untried=True)])
    assert (total.rows, len(total.named), total.others_untried) == (150, 100, True)


def test_a_row_is_counted_once_and_ten_are_told_live() -> None:
    told: list[Event] = []
    found = Refusals(TARGET, told.append)
    for key in [*range(15), *range(15)]:
        found.add(row(key), "why")
    assert (found.so_far.rows, len(found.so_far.named)) == (15, 15)
    assert [isinstance(event, Remark) for event in told] == [True] * 11
    assert "id 9: why" in str(told[9])
    assert "id 10" not in str(told)


def test_rows_are_left_out_from_the_next_pass_on() -> None:
    found = Refusals(TARGET, lambda _: None)
    found.add(row(1), "why")
    assert found.excluded == ()
    found.end_pass()
    assert found.excluded == ("1",)


def test_a_key_of_many_lines_is_one_short_line() -> None:
    found = Refusals(TARGET, lambda _: None)
    found.add(row("a\nb\x1b" + "c" * 1_000), "why")
    (name,) = (each.name for each in found.so_far.named)
    assert name.startswith("id a?b?ccc")
    assert len(name) < 250


def test_batches_without_a_change_in_a_row_end_it_and_one_change_begins_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "BARREN_BATCHES", 2)
    monkeypatch.setattr(module, "BARREN_ROWS", 15)
    found = Refusals(TARGET, lambda _: None)
    barren, fruitful = BatchOutcome(0, untried_rows=5), BatchOutcome(1, untried_rows=5)
    for outcome in (barren, fruitful, barren, BatchOutcome(0), BatchOutcome(0, refused_rows=1)):
        found.note(outcome)
        assert not found.is_over
    found.note(barren)
    assert not found.is_over, "there were batches enough, and not rows enough"
    found.note(barren)
    assert found.is_over


def test_refused_rows_are_not_taken_for_rows_that_resist() -> None:
    assert left_of(KEYS, BatchOutcome(0, refused_rows=1)) == PassOutcome()
    assert left_of(KEYS, BatchOutcome(0, untried_rows=4)) == PassOutcome(untried_rows=4)
    assert PassOutcome(untried_rows=4) + PassOutcome(untried_rows=1) == PassOutcome(untried_rows=5)


class Said:
    """What the driver tells of an error."""

    message_primary = "token abc is frozen"
    severity_nonlocalized = "ERROR"
    constraint_name = column_name = table_name = source_function = None

    def __init__(self, context: str) -> None:
        self.context = context


@pytest.mark.parametrize(
    ("context", "said"),
    [
        (
            (
                "SQL statement \"INSERT INTO log VALUES ('abc')\"\n"
                "PL/pgSQL function audit.note(uuid) line 3 at SQL statement"
            ),
            "Raised (P0001): function audit.note line 3",
        ),
        ('SQL function "note" statement 1', "Raised (P0001)"),
        ("PL/pgSQL function 'abc'() line 3 at RAISE", "Raised (P0001)"),
    ],
)
def test_of_a_context_only_the_functions_name_is_told(context: str, said: str) -> None:
    raised = type("Raised", (driver.Error,), {driver.SQLSTATE_NAME: "P0001", "diag": Said(context)})
    assert reason_of(raised("token abc is frozen")) == said


@pytest.mark.parametrize("end", [".", ".\n", "\n", "?", ""])
def test_a_reason_has_no_full_stop_so_that_a_sentence_may_follow(end: str) -> None:
    said = f"server closed the connection\n\twhile processing the request{end}"
    assert reason_of(driver.OperationalError(said)).endswith(("request", "connection"))
    assert reason_of(ValueError(f"who{end}".rstrip())) == "who"
