"""An enumerator that errs ends a job; it does not keep it going for ever."""

from typing import Any

import pytest
from django.core.management.base import CommandError

from tests.support.shouting import shout
from tickets.models import Ticket
from token_rotation.jobs import Entry

pytestmark = pytest.mark.django_db(transaction=True)


class Tickets:
    """All tickets, some of them poison; ``stuck``: with a cursor that stays."""

    database: str | None = "default"

    def __init__(self, *, stuck: bool) -> None:
        self._stuck = stuck

    def entries(self, cursor: Any, items: int) -> list[Entry]:
        found = Ticket.objects.filter(pk__gt=cursor or 0).order_by("pk")
        return [Entry(each, f"{each.pk}", 0 if self._stuck else each.pk) for each in found]

    def count(self) -> int | None:
        return None


def test_more_items_than_were_asked_for_are_left_for_later(monkeypatch: pytest.MonkeyPatch) -> None:
    Ticket.objects.filter(subject="ticket 3").update(subject="x" * 200)  # no room for a mark
    with pytest.raises(SystemExit):
        shout(Tickets(stuck=False), monkeypatch)
    subjects = Ticket.objects.values_list("subject", flat=True)
    assert sorted(each.count("!") for each in subjects) == [0, *[1] * 29]


def test_a_cursor_that_stays_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CommandError, match="the same items would come again"):
        shout(Tickets(stuck=True), monkeypatch)
