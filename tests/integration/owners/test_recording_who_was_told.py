"""Who was told is recorded for the token that was told, whoever writes the row meanwhile."""

from typing import Any

import pytest
from django.db import connection

from tests.support import driver
from tickets.models import Ticket, owner_notice
from token_rotation import rotate_rows
from token_rotation.owners.counts import OwnerCounts, count_owners
from token_rotation.owners.job import job_of
from token_rotation.owners.recording import RowsLockedError, record


@pytest.fixture
def tickets(transactional_db: None) -> list[Ticket]:
    """Three, rotated since their requesters were told."""
    Ticket.objects.bulk_create(
        [Ticket(subject=f"{n}", requester_email=f"{n}@example.org") for n in range(3)]
    )
    rotate_rows(Ticket.objects.all())
    return list(Ticket.objects.order_by("pk"))


def counted() -> OwnerCounts:
    return count_owners(owner_notice, "default")


def times(tickets: list[Ticket]) -> dict[Any, Any]:
    return {each.pk: each.token_rotated_at for each in tickets}


def test_a_token_that_is_rotated_while_its_mail_is_sent_stays_pending(
    tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(notices: Any) -> None:
        for notice in notices:
            notice.told()
        Ticket.objects.get(pk=tickets[1].pk).rotate_token()

    monkeypatch.setattr(owner_notice, "_tell", tell)
    job = job_of(owner_notice)()
    job.process_batch(list(job.collection()))
    assert (counted().told, counted().to_tell) == (2, 1)
    assert [row.pk for row in job.collection()] == [tickets[1].pk]


def test_who_was_told_before_a_fault_is_recorded(
    tickets: list[Ticket], monkeypatch: pytest.MonkeyPatch
) -> None:
    def tell(notices: Any) -> None:
        notices[0].told()
        raise ConnectionResetError

    monkeypatch.setattr(owner_notice, "_tell", tell)
    job = job_of(owner_notice)()
    with pytest.raises(ConnectionError, match="ConnectionResetError"):
        job.process_batch(list(job.collection()))
    assert (counted().told, counted().to_tell) == (1, 2)


def test_a_row_that_others_lock_is_recorded_later_and_the_others_at_once(
    tickets: list[Ticket],
) -> None:
    other = driver.connect(**connection.get_connection_params())
    other.cursor().execute("SELECT FROM tickets_ticket WHERE id = %s FOR UPDATE", (tickets[0].pk,))
    with pytest.raises(RowsLockedError):
        record(owner_notice, "default", owner_notice.marker, times(tickets))
    assert (counted().told, counted().to_tell) == (2, 1)
    other.rollback()
    other.close()
    for _ in range(2):  # the answer to a COMMIT may be lost
        record(owner_notice, "default", owner_notice.marker, times(tickets))
        assert (counted().told, counted().to_tell) == (3, 0)


def test_a_stale_save_resets_neither_marker(tickets: list[Ticket]) -> None:
    record(owner_notice, "default", owner_notice.marker, times(tickets[:1]))
    record(owner_notice, "default", owner_notice.refused, times(tickets[1:2]))
    for stale in tickets:
        stale.token_notified_at = stale.created_at
        stale.token_notice_refused_at = stale.created_at
        stale.save()
    assert (counted().told, counted().refused, counted().to_tell) == (1, 1, 1)


def test_who_is_left_is_found_by_the_index(tickets: list[Ticket]) -> None:
    rows = Ticket.objects.filter(owner_notice.pending, pk__gt=0).order_by("pk")[:100]
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        try:
            assert "tickets_ticket_untold" in rows.explain()
        finally:
            cursor.execute("RESET enable_seqscan")
