"""The last line of a run says nothing that another half of it denies."""

from dataclasses import replace

import pytest

from tests.support.verdicts import verdict_of
from token_rotation.engine.refused import Refused, RefusedRow
from token_rotation.engine.result import Outcome, Result
from token_rotation.inspection.counting import PendingCount
from token_rotation.inspection.preflight import GuardState
from token_rotation.inspection.problem import Problem
from token_rotation.inspection.verdict.verdict import DamagedIndex, Unread, Verdict
from token_rotation.run import summary
from token_rotation.run.aftermath import Aftermath
from token_rotation.selection.selection import Condition, Selection
from token_rotation.selection.target import Target
from token_rotation.tokens.sources import SqlTokens

TARGET = Target("shop.Order", "default", "order", "id", "token", "at", SqlTokens("f()"), True, ())
COMMAND = "python manage.py rotate_tokens"
WHOLE = GuardState({"shop.Order:guard_update": "enabled"}, {"pending": "valid"}, ())
DISABLED = Problem("token_rotation.E003", "The guard trigger is disabled", "pgtrigger enable")
BROKEN = GuardState({"shop.Order:guard_update": "disabled"}, {"pending": "valid"}, (DISABLED,))


def ended(outcome: Outcome) -> Result:
    return Result(outcome=outcome, rotated_rows=1000, batches=1)


def pending(rows: int) -> PendingCount:
    return PendingCount(rows, is_estimate=False)


@pytest.mark.parametrize("outcome", [Outcome.LIMIT_REACHED, Outcome.STOPPED, Outcome.ROWS_LOCKED])
def test_a_broken_guard_is_named_however_the_run_ended(outcome: Outcome) -> None:
    said = summary.as_sentence(
        TARGET, ended(outcome), Aftermath(pending(7), BROKEN), to_go_on=COMMAND
    )
    assert "; 7 pending. To go on: " in said
    assert said.endswith(f"The guard is not whole: {DISABLED}")


def test_a_guard_of_a_later_release_is_not_called_broken() -> None:
    later = Problem("token_rotation.E060", "The guard is of a later release", "it there")
    guard = GuardState({"shop.Order:guard_update": "changed"}, {"pending": "valid"}, (later,))
    done, left = (
        summary.as_sentence(TARGET, ended(outcome), after, to_go_on=COMMAND)
        for outcome, after in (
            (Outcome.COMPLETE, Aftermath(pending(0), guard, verdict=verdict_of())),
            (Outcome.STOPPED, Aftermath(pending(7), guard)),
        )
    )
    assert done.endswith(f"Nothing is pending, but this code cannot judge the guard: {later}")
    assert left.endswith(f"This code cannot judge the guard: {later}")


def test_rows_that_became_pending_after_the_end_are_told_as_such() -> None:
    said = summary.as_sentence(
        TARGET, ended(Outcome.COMPLETE), Aftermath(pending(3), WHOLE), to_go_on=COMMAND
    )
    assert "Rows became pending since; 3 pending. To go on: " in said
    assert "Nothing is pending" not in said


@pytest.mark.parametrize("outcome", [Outcome.ROWS_REFUSED, Outcome.STOPPED, Outcome.ROWS_LOCKED])
@pytest.mark.parametrize("left", [pending(2), None])
def test_what_to_mend_comes_before_the_command_however_the_run_ended(
    outcome: Outcome, left: PendingCount | None
) -> None:
    result = replace(ended(outcome), refused=Refused(1, (RefusedRow("id 7", "why"),)))
    said = summary.as_sentence(TARGET, result, Aftermath(left, WHOLE), to_go_on=COMMAND)
    mend = "1 row (id 7: why). Mend those rows or what refuses them, then: "
    assert said.endswith(f"PostgreSQL refused to change {mend}{COMMAND}")
    again = summary.go_on(replace(result, rotated_rows=0), COMMAND)
    assert again.endswith(f"{mend}{COMMAND}")
    many = replace(result, refused=replace(result.refused, others_untried=True))
    assert "Something may refuse all of them" in summary.go_on(many, COMMAND)


def test_what_could_not_be_looked_at_is_not_claimed() -> None:
    after = Aftermath(None, None, unknown_because="cannot reach the database")
    said = summary.as_sentence(TARGET, ended(Outcome.COMPLETE), after, to_go_on=COMMAND)
    assert "Nothing was pending at the end; how much is pending now is unknown" in said
    assert "Nothing is pending" not in said


@pytest.mark.parametrize(
    ("outside", "said"),
    [
        (PendingCount(0, is_estimate=False), ", nor outside of it; nothing was written."),
        (PendingCount(1, is_estimate=False), "; 1 row outside of it is still pending;"),
        (PendingCount(7, is_estimate=False), "; 7 rows outside of it are still pending;"),
        (PendingCount(1, is_estimate=True), "; about 1 row outside of it may still be pending;"),
    ],
)
def test_rows_outside_of_a_selection_are_told_as_surely_as_they_are_known(
    outside: PendingCount, said: str
) -> None:
    aimed = replace(TARGET, selection=Selection(condition=Condition("true")))
    after = Aftermath(pending(0), WHOLE, verdict=verdict_of(), outside=outside)
    assert said in summary.as_sentence(aimed, Result(Outcome.COMPLETE), after, to_go_on=COMMAND)


def test_a_program_is_told_why_nothing_pending_is_not_enough() -> None:
    for guard, holds in ((WHOLE, True), (BROKEN, False), (None, None)):
        after = Aftermath(pending(0), guard)
        end = summary.end_event(ended(Outcome.COMPLETE), after, None)
        assert (end["outcome"], end["pending_rows"], end["guard_holds"]) == ("complete", 0, holds)


def test_what_was_read_is_told() -> None:
    after = Aftermath(pending(0), WHOLE, verdict=verdict_of())
    said = summary.as_sentence(TARGET, ended(Outcome.COMPLETE), after, to_go_on=COMMAND)
    assert said.endswith(
        "Nothing is pending. Verified: read all 1,000 rows of public.orders, in one snapshot of "
        "0:00:00."
    )


def test_what_was_not_read_is_not_complete_and_the_way_to_read_it_is_told() -> None:
    after = Aftermath(pending(0), WHOLE, verdict=Unread("the read was stopped"))
    said = summary.as_sentence(TARGET, ended(Outcome.NOT_VERIFIED), after, to_go_on=COMMAND)
    assert said.endswith(
        "Nothing is pending by the index, but that was not verified: the read was stopped. Rotated "
        "rows are safe. To verify: python manage.py rotate_tokens --report --exact"
    )


def test_a_standby_proves_nothing() -> None:
    after = Aftermath(pending(0), WHOLE, verdict=verdict_of(is_standby=True))
    said = summary.as_sentence(TARGET, ended(Outcome.NOT_VERIFIED), after, to_go_on=COMMAND)
    assert said.endswith(
        "Nothing is pending here, but this server is a standby, so the primary may have rows that "
        "it has not: ask the primary"
    )


def test_a_damaged_index_is_named_with_the_command_that_mends_it() -> None:
    verdict = verdict_of(pending=20, damaged=(DamagedIndex('"public"."orders_pending"', 20),))
    after = Aftermath(pending(20), WHOLE, verdict=verdict)
    said = summary.as_sentence(TARGET, ended(Outcome.FOUND_PENDING), after, to_go_on=COMMAND)
    assert said.endswith(
        'The index "public"."orders_pending" is damaged: it lacks 20 pending rows that the table '
        'has. In psql: REINDEX INDEX CONCURRENTLY "public"."orders_pending". Then: '
        "python manage.py rotate_tokens"
    )


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (verdict_of(), Outcome.COMPLETE),
        (verdict_of(everywhere=3), Outcome.COMPLETE),
        (verdict_of(pending=1), Outcome.FOUND_PENDING),
        (verdict_of(is_standby=True), Outcome.NOT_VERIFIED),
        (Unread("the read was stopped"), Outcome.NOT_VERIFIED),
    ],
)
def test_a_record_says_complete_only_if_the_table_was_read(
    verdict: Verdict | Unread, outcome: Outcome
) -> None:
    result = Result(Outcome.COMPLETE)
    result.settle(verdict)
    assert result.outcome is outcome
    stopped = Result(Outcome.STOPPED)
    stopped.settle(verdict)
    assert stopped.outcome is Outcome.STOPPED
