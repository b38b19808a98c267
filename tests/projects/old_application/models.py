import uuid

from django.db import models


class Ticket(models.Model):
    """The model that migration 0001 made the table of."""

    subject = models.CharField(max_length=200)
    status = models.CharField(max_length=20, default="open")
    created_at = models.DateTimeField(auto_now_add=True)
    token = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)

    def __str__(self) -> str:
        return self.subject
