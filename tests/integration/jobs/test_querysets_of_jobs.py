"""A job goes through each row of its queryset once, or says why it cannot."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import OperationalError, connection, models, transaction
from django.db.models import Count, QuerySet
from django.test.utils import isolate_apps

from tests.support.aliases import alias_of
from tests.support.shouting import shout
from tickets.models import Message, Ticket
from token_rotation import Column, guard, hexadecimal
from token_rotation.jobs.collection.rows import Rows
from token_rotation.jobs.state import Span
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("how", ["reversed", "ordered", "ordered in SQL"])
def test_a_queryset_with_an_order_of_its_own_is_refused(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows: QuerySet[Ticket] = {
        "reversed": Ticket.objects.reverse(),
        "ordered": Ticket.objects.order_by("subject"),
        "ordered in SQL": Ticket.objects.extra(order_by=["-id"]),
    }[how]
    with pytest.raises(CommandError, match="it has an order of its own"):
        shout(rows, monkeypatch)
    assert not BatchOperation.objects.exists()
    assert not Ticket.objects.filter(subject__contains="!").exists()


@pytest.mark.parametrize("how", ["manager", "list", "generator", "raw", "none"])
def test_what_is_no_collection_is_named_in_one_line(
    how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {
        "manager": Ticket.objects,
        "list": [1],
        "generator": iter([1]),
        "raw": Ticket.objects.raw("SELECT * FROM tickets_ticket"),
        "none": None,
    }[how]
    with pytest.raises(CommandError, match=r"Shout: collection\(\) has returned a \w+; it returns"):
        shout(rows, monkeypatch)
    assert not BatchOperation.objects.exists()


def test_grouped_rows_are_refused_with_what_to_write_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CommandError, match="annotate a subquery"):
        shout(Ticket.objects.annotate(Count("messages")), monkeypatch)
    assert not BatchOperation.objects.exists()


def test_a_row_that_a_join_repeats_is_processed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tickets = Ticket.objects.all()
    Message.objects.bulk_create(
        Message(ticket=ticket, body=body) for ticket in tickets for body in ("one", "two", "three")
    )
    said = shout(Ticket.objects.filter(messages__version=1), monkeypatch)
    assert "complete, 30 items processed" in said
    assert {ticket.subject.count("!") for ticket in tickets.all()} == {1}


def test_workers_share_rows_that_come_with_others() -> None:
    Message.objects.bulk_create(Message(ticket=each, body="b") for each in Ticket.objects.all())
    rows = Message.objects.select_related("ticket").prefetch_related("ticket__messages")
    shares = Rows(rows.defer("body"), lock=True).split(Span(), 3)
    assert [items for _, items in shares] == [10, 10, 10]


def test_rows_that_go_while_they_are_shared_out_leave_fewer_shares(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = Rows(Ticket.objects.filter(subject="ticket 1"), lock=True)
    monkeypatch.setattr(QuerySet, "count", lambda _: 30)
    assert [(span.after, span.until) for span, _ in found.split(Span(), 3)] == [(None, None)]


@pytest.fixture
def inherited() -> Iterator[type[models.Model]]:
    """A model with the columns of two others, each in a table of its own, and one row."""
    with isolate_apps():

        class Base(models.Model):  # noqa: DJ008
            name = models.TextField()

            class Meta:
                app_label = "cases"
                db_table = "base"

        class Middle(Base):  # noqa: DJ008
            class Meta:
                app_label = "cases"
                db_table = "middle"

        class Leaf(Middle):  # noqa: DJ008
            class Meta:
                app_label = "cases"
                db_table = "leaf"

    with connection.schema_editor() as editor:
        for model in (Base, Middle, Leaf):
            editor.create_model(model)
    Leaf.objects.create(name="as it was")
    yield Leaf
    with connection.schema_editor() as editor:
        for model in (Leaf, Middle, Base):
            editor.delete_model(model)


@pytest.mark.parametrize("table", ["base", "middle", "leaf"])
def test_every_table_of_an_inherited_row_is_locked(
    table: str, inherited: type[models.Model]
) -> None:
    other = connection.copy()
    try:
        with transaction.atomic():
            assert len(Rows(inherited._default_manager.all(), lock=True).entries(None, 10)) == 1
            with pytest.raises(OperationalError, match="could not obtain lock"):
                other.cursor().execute(f"SELECT FROM {table} FOR NO KEY UPDATE NOWAIT")
    finally:
        other.close()


@isolate_apps("tickets")
def test_no_record_holds_a_key_that_is_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    class Key(models.Model):  # noqa: DJ008
        key = models.CharField(max_length=40, primary_key=True)

        class Meta:
            app_label = "tickets"

    class GuardedKey(Key):  # noqa: DJ008
        class Meta:
            app_label = "tickets"
            proxy = True
            triggers = guard("key", Column("key_rotated_at"), hexadecimal(40))

    for model in (Key, GuardedKey):
        with pytest.raises(CommandError, match="its primary key is a token"):
            shout(model._default_manager.all(), monkeypatch)
    assert not BatchOperation.objects.exists()


class ReadsElsewhere:
    """A router that reads where nothing answers."""

    def db_for_read(self, *_: Any, **__: Any) -> str:
        return "standby"

    def db_for_write(self, *_: Any, **__: Any) -> str:
        return "default"


@pytest.mark.parametrize("atomic", [True, False])
def test_rows_are_read_where_a_router_writes_them(
    *, atomic: bool, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATABASE_ROUTERS = [f"{__name__}.ReadsElsewhere"]
    monkeypatch.setattr("tests.projects.worker_actions.jobs.Shout.atomic", atomic)
    monkeypatch.setattr("tests.projects.worker_actions.jobs.Shout.count", lambda _: None)
    with alias_of("standby", "postgres://nobody@127.0.0.1:1/none"):
        said = shout(Ticket.objects.all(), monkeypatch)
    assert "complete, 30 items processed" in said
