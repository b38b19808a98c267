"""One object after the other: every column is written back, and every row is a commit."""

import uuid

from django.utils import timezone

from tickets.models import Ticket


def rotate() -> int:
    rows = 0
    for ticket in Ticket.objects.filter(token_rotated_at=None).order_by("pk").iterator():
        ticket.token = uuid.uuid4()
        ticket.token_rotated_at = timezone.now()
        ticket.save()
        rows += 1
    return rows
