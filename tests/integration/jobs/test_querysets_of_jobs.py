"""A job goes through each row of its queryset once, or says why it cannot."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db.models import QuerySet

from tickets.models import Ticket
from token_rotation.operations.models import BatchOperation

pytestmark = pytest.mark.django_db(transaction=True)


def shout(rows: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run ``Shout`` over these rows; return what the command said."""
    from tests.projects.worker_actions.jobs import Shout  # noqa: PLC0415  (after Django was set up)

    monkeypatch.setattr(Shout, "collection", lambda _: rows)
    monkeypatch.setattr(Shout, "batch_items", 7)
    out = io.StringIO()
    call_command("run_job", "Shout", stdout=out, stderr=out)
    return out.getvalue()


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
