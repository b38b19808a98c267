"""Wishes and stale saves of sessions that meet at one row."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pgtrigger
import pytest
from django.db import connection, transaction

from tests.support.racing import at_once
from tests.support.waiting import until
from tests.support.wished import rotate_behind, stored
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.server_versions]

SENT = UUID(int=7)


@pytest.fixture
def ticket() -> Ticket:
    with pgtrigger.ignore("tickets.Ticket:guard_insert"):
        return Ticket.objects.create(subject="leaked", token=uuid4(), token_rotated_at=None)


def somebody_waits_for_this_session() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        (waits,) = cursor.fetchone()
    return bool(waits)


def while_a_save_waits(save: Callable[[], Any], change: Callable[[], Any]) -> Any:
    """What ``save`` returned, in a session that waited until ``change`` was committed."""

    def saving() -> Any:
        try:
            return save()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        with transaction.atomic():
            change()
            answer: Future[Any] = pool.submit(saving)
            until(somebody_waits_for_this_session)
        return answer.result()


def rotate(ticket: Ticket) -> None:
    rotate_behind(ticket, "token", "token_rotated_at")


def test_a_wish_that_waited_for_a_rotation_is_carried_out_on_the_rotated_row(
    ticket: Ticket,
) -> None:
    wishing = Ticket.objects.get(pk=ticket.pk)
    wishing.token = SENT
    while_a_save_waits(wishing.save, lambda: rotate(ticket))
    assert wishing.token not in {SENT, ticket.token}
    assert stored(ticket, "token", "token_rotated_at") == (wishing.token, wishing.token_rotated_at)


def test_a_stale_save_that_waited_for_a_rotation_keeps_its_token(ticket: Ticket) -> None:
    stale = Ticket.objects.get(pk=ticket.pk)
    stale.subject = "as written"
    rotated: list[Any] = []

    def rotate_and_look() -> None:
        rotate(ticket)
        rotated.extend(stored(ticket, "token", "token_rotated_at"))

    while_a_save_waits(stale.save, rotate_and_look)
    assert stored(ticket, "subject", "token", "token_rotated_at") == ("as written", *rotated)


def test_a_wish_that_waited_for_the_end_of_its_row_is_a_new_row_and_leaves_nothing_behind(
    ticket: Ticket,
) -> None:
    wishing = Ticket.objects.get(pk=ticket.pk)
    wishing.token = SENT

    def save_and_look() -> Any:
        with transaction.atomic():
            wishing.save()
            with connection.cursor() as cursor:
                cursor.execute("SELECT current_setting('token_rotation.wish', true)")
                return cursor.fetchone()

    said = while_a_save_waits(save_and_look, ticket.delete)
    assert said == ("",)
    assert wishing.token not in {SENT, ticket.token}
    assert stored(wishing, "token", "token_rotated_at") == (
        wishing.token,
        wishing.token_rotated_at,
    )


def test_many_wishes_for_one_row_each_get_a_token_and_the_last_one_is_stored(
    ticket: Ticket,
) -> None:
    def wish(number: int) -> Any:
        wishing = Ticket.objects.get(pk=ticket.pk)
        wishing.token = UUID(int=number)
        wishing.save()
        return wishing.token_rotated_at, wishing.token

    answers = at_once(8, wish)
    assert not [each for each in answers if isinstance(each, Exception)]
    tokens: list[Any] = answers
    assert len({token for _, token in tokens}) == 8
    last_marker, last_token = max(tokens)
    assert stored(ticket, "token", "token_rotated_at") == (last_token, last_marker)


def test_outside_of_a_transaction_a_wish_outlives_no_statement(ticket: Ticket) -> None:
    wishing = Ticket.objects.get(pk=ticket.pk)
    wishing.token = SENT
    wishing.save()
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('token_rotation.wish', true), '')")
        assert cursor.fetchone() == ("",)
