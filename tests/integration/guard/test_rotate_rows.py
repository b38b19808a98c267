"""Single rows are rotated by the rules of the command, in the transaction of the caller."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pgtrigger
import pytest
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import connection, transaction
from django.db.models import Count
from django.utils import timezone

from tests.support.racing import at_once
from tests.support.waiting import until
from tickets.models import Message, Ticket
from token_rotation.declare import rotate_rows as module
from token_rotation.declare.rotate_rows import rotate_rows, rotate_token
from token_rotation.errors import StatementError, TooManyRowsError, UnyieldingRowsError
from token_rotation.signals import tokens_rotated
from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.triggers.guard_triggers import UpdateGuard

pytestmark = pytest.mark.django_db(transaction=True)

Keys = list[tuple[int, ...]]


@pytest.fixture
def heard() -> Iterator[Keys]:
    """The keys of each signal."""
    heard: Keys = []

    def hear(keys: tuple[int, ...], **_: Any) -> None:
        heard.append(keys)

    tokens_rotated.connect(hear, sender=Ticket)
    yield heard
    tokens_rotated.disconnect(hear, sender=Ticket)


@pytest.fixture(params=["SQL", "Python"])
def _source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "Python":
        make_with(monkeypatch, random_uuids)


def make_with(monkeypatch: pytest.MonkeyPatch, make: Callable[[int], Any]) -> None:
    for trigger in Ticket._meta.triggers:
        if isinstance(trigger, UpdateGuard):
            monkeypatch.setattr(trigger, "make_tokens", make)


def leaked(rows: int = 1) -> list[Ticket]:
    with pgtrigger.ignore("tickets.Ticket:guard_insert"):
        made = [
            Ticket.objects.create(subject=f"{n}", token=uuid4(), token_rotated_at=None)
            for n in range(rows)
        ]
    assert all(ticket.token_rotated_at is None for ticket in made)
    return made


def stored(ticket: Ticket) -> tuple[Any, Any]:
    return Ticket.objects.values_list("token", "token_rotated_at").get(pk=ticket.pk)


@pytest.mark.usefixtures("_source")
def test_a_row_gets_a_fresh_token_which_its_instance_holds_afterwards(heard: Keys) -> None:
    (ticket,) = leaked()
    before = ticket.token
    ticket.rotate_token()
    assert ticket.token != before
    assert ticket.token_rotated_at is not None
    assert (ticket.token, ticket.token_rotated_at) == stored(ticket)
    assert heard == [(ticket.pk,)]


@pytest.mark.usefixtures("_source")
def test_a_row_that_is_not_pending_is_rotated_again_and_its_marker_moves_on() -> None:
    ticket = Ticket.objects.create(subject="x")
    tokens, markers = {ticket.token}, [ticket.token_rotated_at]
    for _ in range(3):
        ticket.rotate_token()
        tokens.add(ticket.token)
        markers.append(ticket.token_rotated_at)
    assert len(tokens) == 4
    assert markers == sorted(set(markers))


@pytest.mark.usefixtures("_source")
def test_a_marker_from_the_future_of_a_clock_that_went_back_does_not_keep_the_token() -> None:
    (ticket,) = leaked()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE tickets_ticket SET token = gen_random_uuid(),"
            " token_rotated_at = clock_timestamp() + interval '1 day' RETURNING token_rotated_at"
        )
        (marker,) = cursor.fetchone()
        cursor.execute("ALTER TABLE tickets_ticket ENABLE TRIGGER USER")
    ticket.refresh_from_db()
    before = ticket.token
    ticket.rotate_token()
    assert ticket.token != before
    assert ticket.token_rotated_at < marker


@pytest.mark.usefixtures("_source")
@pytest.mark.parametrize("marker", ["infinity", "-infinity", "0044-03-15 12:00+00 BC"])
def test_a_marker_that_no_clock_makes_does_not_keep_the_token(marker: str) -> None:
    before = {ticket.pk: ticket.token for ticket in leaked(3)}
    with connection.cursor() as cursor:
        cursor.execute(
            "ALTER TABLE tickets_ticket DISABLE TRIGGER USER;"
            "UPDATE tickets_ticket SET token_rotated_at = %s;"
            "ALTER TABLE tickets_ticket ENABLE TRIGGER USER",
            [marker],
        )
    assert Ticket.objects.all().rotate_tokens() == 3
    for ticket in Ticket.objects.all():
        assert ticket.token != before[ticket.pk]
        assert ticket.token_rotated_at <= timezone.now()


@pytest.mark.usefixtures("_source")
def test_a_query_rotates_its_rows_and_no_others(heard: Keys) -> None:
    tickets = leaked(20)
    Ticket.objects.filter(pk__gt=tickets[9].pk).update(status="waiting")
    assert Ticket.objects.filter(status="waiting").order_by("-pk").rotate_tokens() == 10
    assert Ticket.objects.filter(token_rotated_at=None).count() == 10
    assert [stored(ticket)[0] == ticket.token for ticket in tickets] == [True] * 10 + [False] * 10
    assert sorted(heard[0]) == [ticket.pk for ticket in tickets[10:]]
    assert Ticket.objects.none().rotate_tokens() == 0
    assert Ticket.objects.filter(subject="nobody's").rotate_tokens() == 0
    assert len(heard) == 1


def test_a_query_over_other_tables_locks_only_the_rows_that_it_rotates() -> None:
    first, second = leaked(2)
    Message.objects.create(ticket=first, body="x")
    assert Ticket.objects.filter(messages__body="x").rotate_tokens() == 1
    assert Ticket.objects.filter(imported=None, pk=second.pk).rotate_tokens() == 1


def test_nothing_is_heard_of_a_rotation_that_is_rolled_back(heard: Keys) -> None:
    (ticket,) = leaked()
    with transaction.atomic():
        ticket.rotate_token()
        transaction.set_rollback(True)
    assert heard == []
    assert stored(ticket)[1] is None


def test_in_a_transaction_it_is_heard_of_when_that_commits(heard: Keys) -> None:
    (ticket,) = leaked()
    with transaction.atomic():
        ticket.rotate_token()
        assert heard == []
    assert heard == [(ticket.pk,)]


def test_a_row_that_is_gone_is_said_so(heard: Keys) -> None:
    (ticket,) = leaked()
    Ticket.objects.all().delete()
    with pytest.raises(ObjectDoesNotExist):
        rotate_token(ticket)
    assert heard == []


def test_many_at_once_change_each_row_each_time_and_end_without_a_deadlock() -> None:
    leaked(10)

    def rotate(number: int) -> int:
        return rotate_rows(Ticket.objects.order_by("pk" if number % 2 else "-pk"))

    assert at_once(12, rotate) == [10] * 12
    assert Ticket.objects.values("token").distinct().count() == 10


def test_rows_are_locked_in_the_order_of_their_keys_and_in_no_other() -> None:
    first, second, third = leaked(3)
    first.save(update_fields=["subject"])  # now it comes last in the table, too

    def rotate() -> int:
        try:
            with connection.cursor() as cursor:  # an index would bring them in order by chance
                cursor.execute("SET enable_indexscan = off; SET enable_bitmapscan = off")
            return rotate_rows(Ticket.objects.order_by("-pk"))
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        with transaction.atomic():
            Ticket.objects.select_for_update().get(pk=second.pk)
            rotating = pool.submit(rotate)
            until(somebody_waits_for_this_session)
            free = Ticket.objects.select_for_update(skip_locked=True).order_by("pk")
            assert list(free) == [second, third]
        assert rotating.result() == 3


def somebody_waits_for_this_session() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
        )
        (waits,) = cursor.fetchone()
    return bool(waits)


def test_a_stale_save_brings_no_token_back_that_a_single_rotation_replaced() -> None:
    (ticket,) = leaked()
    stale = Ticket.objects.get(pk=ticket.pk)
    ticket.rotate_token()
    stale.subject = "as written"
    stale.save()
    assert stored(ticket) == (ticket.token, ticket.token_rotated_at)


def test_too_many_rows_are_refused_with_the_command_to_type(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ROWS_AT_MOST", 3)
    leaked(4)
    with pytest.raises(TooManyRowsError, match=r"manage\.py rotate_tokens"):
        Ticket.objects.all().rotate_tokens()
    assert Ticket.objects.filter(token_rotated_at=None).count() == 4


def test_a_taken_token_is_tried_again_and_one_that_is_always_taken_is_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = leaked(2)
    calls: list[int] = []

    def collide(rows: int) -> list[str]:
        calls.append(rows)
        return [str(first.token)] if len(calls) < 3 else random_uuids(rows)

    make_with(monkeypatch, collide)
    second.rotate_token()
    assert len(calls) == 3
    make_with(monkeypatch, lambda _: [str(first.token)])
    with pytest.raises(StatementError, match="23505") as raised:
        second.rotate_token()
    assert str(first.token) not in str(raised.value)


def test_a_change_that_something_undoes_is_an_error_and_not_counted(heard: Keys) -> None:
    (ticket,) = leaked()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN NEW.token := OLD.token; NEW.token_rotated_at := OLD.token_rotated_at;
            RETURN NEW; END $$;
            CREATE TRIGGER undo BEFORE UPDATE ON tickets_ticket FOR EACH ROW
            EXECUTE FUNCTION undo();
            """
        )
        try:
            with pytest.raises(UnyieldingRowsError):
                ticket.rotate_token()
        finally:
            cursor.execute("DROP FUNCTION undo CASCADE")
    assert stored(ticket) == (ticket.token, None)
    assert heard == []


@pytest.mark.parametrize(
    "query",
    [
        lambda: Ticket.objects.all()[:3],
        Ticket.objects.distinct,
        lambda: Ticket.objects.filter(pk=1).union(Ticket.objects.filter(pk=2)),
        lambda: Ticket.objects.annotate(written=Count("messages")),
    ],
)
def test_a_query_that_no_update_could_follow_is_refused(query: Callable[[], Any]) -> None:
    with pytest.raises(TypeError, match="without slice"):
        query().rotate_tokens()


def test_a_model_without_a_guard_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match="guard"):
        rotate_rows(Message.objects.all())


def test_no_template_can_rotate() -> None:
    assert Ticket.rotate_token.alters_data
    assert Ticket.objects.all().rotate_tokens.alters_data
