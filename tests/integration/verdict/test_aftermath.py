"""What a run says of its table at the end is what the table says."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.leak_lists import list_of
from tests.support.leaked import leak
from tests.support.verdicts import verdict_of
from tickets.models import Ticket
from token_rotation.engine.result import Outcome, Result
from token_rotation.inspection.counting import PendingCount
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.run import aftermath
from token_rotation.run.aftermath import Aftermath, look_after
from token_rotation.run.pending import PendingRows
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import target_of
from token_rotation.triggers.retired import keep_retired

NONE = PendingCount(0, is_estimate=False)
ODD_ONLY = Selection(condition=Condition('"tickets_ticket"."id" %% 2 = 1'))
LISTED_ONLY = Selection(list_args=("--only", "leaked.txt"))
CUT_OFF = Selection(issued_before=datetime(2020, 1, 1, tzinfo=UTC))
ROTATE = (
    "UPDATE tickets_ticket SET token = gen_random_uuid(), token_rotated_at = clock_timestamp() "
    "WHERE {}"
)
PAST_THE_TRIGGERS = "SET session_replication_role = replica"
AS_A_CANCELLED_REINDEX = (
    "CREATE INDEX token_ccnew ON tickets_ticket (token);"
    "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'token_ccnew'::regclass"
)


def execute(tickets: Any, *statements: str) -> None:
    with tickets.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def look(target: Target, result: Result | None = None, **options: Any) -> Aftermath:
    return look_after(
        target,
        result or Result(),
        verdict_at_most_seconds=options.pop("seconds", 600.0),
        observe=lambda _: None,
        **options,
    )


@pytest.fixture
def rotated(tickets: Any) -> Any:
    """Ten tickets that a rotation is done with."""
    leak(tickets, 10)
    execute(tickets, ROTATE.format("true"))
    return tickets


@pytest.fixture
def keeping(rotated: Any, target: Target, monkeypatch: pytest.MonkeyPatch) -> Target:
    """Their target, which keeps retired tokens from now on."""
    triggers = keep_retired()
    monkeypatch.setattr(Ticket._meta, "triggers", [*Ticket._meta.triggers, *triggers])
    for trigger in triggers:
        execute(rotated, str(trigger.compile(Ticket).install_sql))
    found = target_of(Ticket, target.database)
    assert found is not None
    return found


def store_a_retired_token(tickets: Any) -> None:
    execute(
        tickets,
        "CREATE TABLE kept AS SELECT token FROM tickets_ticket WHERE id = 1",
        ROTATE.format("id = 1"),
        PAST_THE_TRIGGERS,
        "UPDATE tickets_ticket SET token = kept.token FROM kept WHERE id = 2",
    )


def test_a_table_in_order_is_complete_and_its_verdict_settles_the_result(
    rotated: Any, target: Target
) -> None:
    result = Result(rotated_rows=10)
    found = look(target, result)
    assert found.complete
    assert found.nothing_anywhere
    assert isinstance(found.verdict, Verdict)
    assert (found.verdict.rows, found.pending, found.outside) == (10, NONE, None)
    assert (found.retired_rows, found.advice, found.unknown_because) == (0, (), "")
    assert found.guard is not None
    assert found.guard.holds
    assert result.verdict is found.verdict
    assert result.outcome is Outcome.COMPLETE


def test_pending_rows_are_counted_and_the_table_is_not_read(tickets: Any, target: Target) -> None:
    leak(tickets, 10)
    execute(tickets, ROTATE.format("id <= 7"))
    result = Result()
    found = look(target, result, advise=True)
    assert found.pending == PendingCount(3, is_estimate=False)
    assert (found.verdict, result.verdict, found.advice) == (None, None, ())
    assert found.guard is not None
    assert not found.complete


def test_the_verdict_of_the_run_itself_is_taken_as_it_is(rotated: Any, target: Target) -> None:
    unread = Unread("the read took too long")
    result = Result()
    result.settle(unread)
    found = look(target, result)
    assert (found.verdict, found.pending, found.outside) == (unread, NONE, None)
    assert not found.complete


def test_a_run_that_ended_with_pending_rows_keeps_its_verdict(tickets: Any, target: Target) -> None:
    leak(tickets, 1)
    verdict = verdict_of(pending=1)
    assert look(target, Result(verdict=verdict)).verdict is verdict


@pytest.mark.parametrize("selection", [Selection(), ODD_ONLY, LISTED_ONLY])
def test_rows_that_the_read_found_pending_count_and_nothing_is_said_of_others(
    rotated: Any, target: Target, selection: Selection
) -> None:
    verdict = verdict_of(pending=3, everywhere=5)
    found = look(
        replace(target, selection=selection),
        Result(verdict=verdict),
        leak_list=list_of(target, ["0" * 32]) if selection is LISTED_ONLY else None,
    )
    assert (found.pending, found.outside) == (PendingCount(3, is_estimate=False), None)
    assert not found.complete


@pytest.mark.parametrize("rows_outside", [0, 4])
def test_rows_outside_of_a_selection_are_counted_once_it_is_done(
    tickets: Any, target: Target, rows_outside: int
) -> None:
    leak(tickets, 10)
    execute(tickets, ROTATE.format(f"id % 2 = 1 OR id > {2 * rows_outside}"))
    found = look(replace(target, selection=ODD_ONLY))
    assert (found.pending, found.outside) == (NONE, PendingCount(rows_outside, is_estimate=False))
    assert found.complete
    assert found.nothing_anywhere is (rows_outside == 0)


ESTIMATE = PendingCount(8, is_estimate=True)


@pytest.mark.parametrize(
    ("selection", "outcome", "counted", "is_listed"),
    [
        (CUT_OFF, Outcome.COMPLETE, PendingCount(8, is_estimate=False), False),
        (CUT_OFF, Outcome.LIMIT_REACHED, ESTIMATE, False),
        (Selection(), Outcome.COMPLETE, ESTIMATE, False),
        (Selection(), Outcome.STOPPED, ESTIMATE, True),
    ],
    ids=["exact", "ended early", "of the index", "list, ended early"],
)
def test_a_count_above_zero_ends_the_look(
    rotated: Any,
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    selection: Selection,
    outcome: Outcome,
    counted: PendingCount,
    *,
    is_listed: bool,
) -> None:
    monkeypatch.setattr(aftermath, "count_rows", lambda *_: PendingRows(counted))
    result = Result(outcome)
    leak_list = list_of(target, ["0" * 32]) if is_listed else None
    found = look(replace(target, selection=selection), result, leak_list=leak_list)
    assert (found.pending, result.verdict) == (counted, None)
    assert not found.complete


@pytest.mark.parametrize(("selection", "is_listed"), [(CUT_OFF, False), (Selection(), True)])
def test_an_estimate_does_not_contradict_a_run_that_looked_at_every_row(
    rotated: Any,
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    selection: Selection,
    *,
    is_listed: bool,
) -> None:
    """It may be above 0 where nothing is pending; the read of the table tells."""
    monkeypatch.setattr(aftermath, "count_rows", lambda *_: PendingRows(ESTIMATE))
    leak_list = list_of(target, ["0" * 32]) if is_listed else None
    found = look(replace(target, selection=selection), leak_list=leak_list)
    assert found.pending == NONE
    assert found.complete


def test_rows_with_a_retired_token_are_not_complete(rotated: Any, keeping: Target) -> None:
    assert look(keeping).complete
    store_a_retired_token(rotated)
    found = look(keeping)
    assert (found.retired_rows, found.pending) == (1, NONE)
    assert not found.complete
    assert not found.nothing_anywhere


def test_a_table_that_keeps_none_is_not_searched_for_retired_tokens(
    rotated: Any, target: Target, keeping: Target
) -> None:
    store_a_retired_token(rotated)
    found = look(target)
    assert found.retired_rows == 0
    assert found.complete


def test_retired_tokens_are_counted_where_nothing_else_is_left(
    rotated: Any, keeping: Target
) -> None:
    store_a_retired_token(rotated)
    execute(rotated, "ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    found = look(keeping)
    assert found.retired_rows == 0
    assert not found.complete


def test_advice_is_given_when_it_is_asked_for_and_nothing_is_left(
    tickets: Any, target: Target
) -> None:
    leak(tickets, 10)
    execute(tickets, AS_A_CANCELLED_REINDEX, ROTATE.format("id % 2 = 1"))
    odd = replace(target, selection=ODD_ONLY)
    assert look(odd).advice == ()
    assert look(odd, advise=True).advice == ()  # rows are left outside
    execute(tickets, ROTATE.format("true"))
    (line,) = look(odd, advise=True).advice
    assert line == (f"token_ccnew was left invalid and slows writes: run {target.clean_up_command}")
    assert look(odd).advice == ()


@pytest.mark.parametrize("analyzed", [True, False])
def test_the_larger_of_estimate_and_rotated_rows_says_how_large_an_index_should_be(
    tickets: Any, target: Target, *, analyzed: bool
) -> None:
    execute(
        tickets,
        "ALTER TABLE tickets_ticket SET (autovacuum_enabled = false)",
        PAST_THE_TRIGGERS,
        "INSERT INTO tickets_ticket (id, subject, status, created_at, token, token_rotated_at)"
        " SELECT n, 's', 'open', now(), gen_random_uuid(), now() FROM generate_series(1, 45000) n",
        "ANALYZE tickets_ticket" if analyzed else "SELECT",
    )
    result = Result(rotated_rows=0 if analyzed else 45_000)
    assert look(target, result, advise=True).advice == ()
    few = Result(rotated_rows=0)
    advice = look(target, few, advise=True).advice
    assert bool(advice) is not analyzed, advice


@pytest.mark.parametrize("is_read", [True, False])
def test_a_look_that_fails_says_why_and_proves_nothing(
    rotated: Any, target: Target, *, is_read: bool
) -> None:
    result = Result(verdict=verdict_of()) if is_read else Result()
    found = look(replace(target, table="no_such_table"), result)
    assert (found.pending, found.guard, found.verdict) == (None, None, None)
    assert "no_such_table" in found.unknown_because
    assert not found.complete
    assert not found.nothing_anywhere
