"""One object after the other: every column is written back, and every row is a commit."""

import uuid

from django.db.models.functions import Now

from benchmark.recipes.unguarded_ticket import UnguardedTicket


def rotate() -> int:
    rows = 0
    for ticket in UnguardedTicket.objects.filter(token_rotated_at=None).order_by("pk").iterator():
        ticket.token = uuid.uuid4()
        ticket.token_rotated_at = Now()
        ticket.save()
        rows += 1
    return rows
