"""A job whose every step can be counted afterwards."""

from collections.abc import Sequence

from django.contrib.auth.models import User
from django.db.models import QuerySet

from tickets.models import Ticket
from token_rotation.jobs import Job, JobState, register


@register
class Shout(Job):
    batch_items = 20
    traffic_budget_ms = 0  # other tests run beside it

    def collection(self) -> "QuerySet[Ticket]":
        return Ticket.objects.all()

    def process_batch(self, items: Sequence[Ticket]) -> None:
        for ticket in items:
            ticket.subject += "!"
            ticket.save(update_fields=["subject"])

    def after_complete(self, state: JobState) -> None:
        User.objects.create(username=f"{state.done} shouted")
