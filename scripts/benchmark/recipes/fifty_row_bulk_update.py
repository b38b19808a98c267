"""The well-known recipe: 50 objects, bulk_update, and a progress row saved each time."""

import uuid

from django.db.models.functions import Now

from benchmark.recipes.unguarded_ticket import UnguardedTicket
from token_rotation.operations.models import BatchOperation

BATCH_ROWS = 50


def rotate() -> int:
    pending = UnguardedTicket.objects.filter(token_rotated_at=None).order_by("pk")
    progress = BatchOperation.objects.create_synchronous("benchmark", progress_total=None)
    progress.progress_done = 0
    while batch := list(pending[:BATCH_ROWS]):
        for ticket in batch:
            ticket.token = uuid.uuid4()
            ticket.token_rotated_at = Now()
        UnguardedTicket.objects.bulk_update(batch, ["token", "token_rotated_at"])
        progress.progress_done += len(batch)
        progress.save(update_fields=["progress_done"])
    return progress.progress_done
