"""The ticket application's data."""

from typing import ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models.functions import Now

from tickets.rotation.guard import guard


class Ticket(models.Model):
    """A customer's ticket; whoever knows its token may open it, so the token is a secret.

    The database issues token and marker: their fields hold what is stored after ``create()``,
    ``bulk_create()`` and the first ``save()``, even if the caller passed values of its own.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        WAITING = "waiting"
        CLOSED = "closed"

    subject = models.CharField(max_length=200)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    # The insert guard overrules both defaults. They are here because Django reads fields with a
    # database default back after an INSERT, and only those.
    token = models.UUIDField(unique=True, editable=False, db_default=RandomUUID())
    token_rotated_at = models.DateTimeField(null=True, editable=False, db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                name="tickets_ticket_pending",
                condition=models.Q(token_rotated_at__isnull=True),
            ),
        ]
        triggers: ClassVar = guard()

    def __str__(self) -> str:
        return self.subject
