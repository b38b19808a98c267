"""Django's own way to change many objects: one thousand a statement, read through a cursor."""

import itertools
import uuid

from django.db.models.functions import Now

from benchmark.recipes.unguarded_ticket import UnguardedTicket

BATCH_ROWS = 1000


def rotate() -> int:
    rows = 0
    tickets = (
        UnguardedTicket.objects.filter(token_rotated_at=None).order_by("pk").iterator(BATCH_ROWS)
    )
    while batch := list(itertools.islice(tickets, BATCH_ROWS)):
        for ticket in batch:
            ticket.token = uuid.uuid4()
            ticket.token_rotated_at = Now()
        UnguardedTicket.objects.bulk_update(
            batch, ["token", "token_rotated_at"], batch_size=BATCH_ROWS
        )
        rows += len(batch)
    return rows
