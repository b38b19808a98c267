"""A reported token dies once, whatever happens to its row; no live one is called dead."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import patch

import pytest
from django.db import connection, transaction

from tests.support.racing import at_once
from tests.support.waiting import until
from tickets.models import Ticket
from token_rotation.errors import ListError
from token_rotation.intake import LeakOutcome, report_leak, rotation
from token_rotation.intake.record import ReportRecord
from token_rotation.operations.models import BatchOperation
from token_rotation.signals import tokens_rotated
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.triggers.guard_triggers import UpdateGuard

pytestmark = pytest.mark.django_db(transaction=True)

Leak = Callable[[int], list[Ticket]]

REFUSE = """
CREATE FUNCTION refuse_a_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'ticket % is frozen', OLD.token; END $$;
CREATE TRIGGER a_refusal BEFORE UPDATE ON tickets_ticket FOR EACH ROW
WHEN (OLD.subject = '1') EXECUTE FUNCTION refuse_a_change();
"""
MEND = "DROP FUNCTION refuse_a_change CASCADE"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait briefly for rows that others keep locked."""
    monkeypatch.setattr(
        rotation.ReportedRotation.__init__,
        "__kwdefaults__",
        {"is_even": False, "wait_seconds": 0.1},
    )


@pytest.fixture
def refusing() -> Iterator[None]:
    """A trigger that refuses to change one of the tickets."""
    with connection.cursor() as cursor:
        cursor.execute(REFUSE)
    yield
    with connection.cursor() as cursor:
        cursor.execute(MEND)


def report(*tickets: Ticket) -> LeakOutcome:
    return report_leak([str(ticket.token) for ticket in tickets])


def alive(*tickets: Ticket) -> int:
    return Ticket.objects.filter(token__in=[ticket.token for ticket in tickets]).count()


@pytest.mark.parametrize("source", ["SQL", "Python"])
def test_rows_are_rotated_by_the_declared_source_and_announced(
    leak_tickets: Leak, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    for trigger in Ticket._meta.triggers:
        if source == "Python" and isinstance(trigger, UpdateGuard):
            monkeypatch.setattr(trigger, "make_tokens", random_uuids)
    tickets, keys = leak_tickets(5), []

    def hear(keys: tuple[int, ...], _heard: list[Any] = keys, **_: Any) -> None:
        _heard.extend(keys)

    tokens_rotated.connect(hear, sender=Ticket)
    outcome = report(*tickets)
    tokens_rotated.disconnect(hear, sender=Ticket)
    assert outcome.is_complete
    assert outcome.rotated_rows == {"tickets.Ticket": 5}
    assert sorted(keys) == [ticket.pk for ticket in tickets]
    assert alive(*tickets) == 0
    assert not Ticket.objects.filter(token_rotated_at=None).exists()


@pytest.mark.usefixtures("impatient")
def test_a_row_that_others_keep_locked_is_not_called_dead_and_dies_at_the_next_report(
    leak_tickets: Leak,
) -> None:
    locked, free = leak_tickets(2)
    with transaction.atomic():
        Ticket.objects.select_for_update().get(pk=locked.pk)
        outcome = report(locked, free)
    assert not outcome.is_complete
    assert outcome.left == {str(locked.token)}
    assert outcome.left_rows == {"tickets.Ticket": [str(locked.pk)]}
    assert outcome.label_of(str(locked.token)) == "true_positive"
    assert outcome.rotated_rows == {"tickets.Ticket": 1}
    assert (alive(locked), alive(free)) == (1, 0)
    assert BatchOperation.objects.latest().result == "failed"
    assert report(locked, free).is_complete
    assert alive(locked) == 0


def test_a_row_that_is_locked_for_a_moment_is_waited_for(leak_tickets: Leak) -> None:
    (ticket,) = leak_tickets(1)
    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            Ticket.objects.select_for_update().get(pk=ticket.pk)
            reported = pool.submit(report, ticket)
            until(lambda: BatchOperation.objects.exists() or reported.done())
        assert reported.result(timeout=60).is_complete
    assert alive(ticket) == 0


def test_the_same_report_many_times_at_once_rotates_each_row_once(leak_tickets: Leak) -> None:
    tickets = leak_tickets(50)
    outcomes = [
        each for each in at_once(4, lambda _: report(*tickets)) if not isinstance(each, Exception)
    ]
    assert [outcome.is_complete for outcome in outcomes] == [True] * 4
    assert sum(sum(each.rotated_rows.values()) for each in outcomes) == len(tickets)
    assert alive(*tickets) == 0


@pytest.mark.usefixtures("refusing", "impatient")
def test_a_row_that_postgresql_refuses_to_change_keeps_no_other_alive(leak_tickets: Leak) -> None:
    tickets = leak_tickets(4)
    outcome = report(*tickets)
    assert outcome.left == {str(tickets[1].token)}
    assert outcome.rotated_rows == {"tickets.Ticket": 3}
    (reason,) = outcome.failures.values()
    assert "refuse_a_change" in reason
    said = str(BatchOperation.objects.latest().output_data)
    assert reason in said
    assert str(tickets[1].token) not in said
    assert alive(*tickets) == 1


def test_a_transaction_that_is_rolled_back_takes_nothing_back(leak_tickets: Leak) -> None:
    (ticket,) = leak_tickets(1)
    with transaction.atomic():
        assert report(ticket).is_complete
        transaction.set_rollback(True)
    assert alive(ticket) == 0
    assert BatchOperation.objects.latest().result == "successful"


def test_without_a_record_the_tokens_die_all_the_same(leak_tickets: Leak) -> None:
    (ticket,) = leak_tickets(1)
    table = BatchOperation._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO hidden")
    try:
        assert report(ticket).is_complete
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE hidden RENAME TO {table}")
    assert alive(ticket) == 0


def test_an_end_before_the_record_is_written_is_recorded_as_a_failure(
    leak_tickets: Leak,
) -> None:
    (ticket,) = leak_tickets(1)
    with patch.object(ReportRecord, "end", side_effect=SystemExit), pytest.raises(SystemExit):
        report(ticket)
    assert alive(ticket) == 0
    assert BatchOperation.objects.latest().result == "failed"
    assert report(ticket).is_complete


def test_an_entry_that_is_no_list_of_texts_is_refused() -> None:
    for unfit in ("a token", [1]):
        with pytest.raises(ListError):
            report_leak(unfit)  # type: ignore[arg-type]
