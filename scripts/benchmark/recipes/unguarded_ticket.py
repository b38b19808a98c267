"""The table of the tickets as a project without the library knows it."""

from typing import ClassVar

from django.db import models


class UnguardedTicket(models.Model):  # noqa: DJ008
    """A ticket whose token any code may set."""

    subject = models.CharField(max_length=200)
    status = models.CharField(max_length=20)
    created_at = models.DateTimeField()
    token = models.UUIDField(unique=True)
    token_rotated_at = models.DateTimeField(null=True)

    objects: ClassVar = models.Manager()

    class Meta:
        app_label = "tickets"
        managed = False
        db_table = "tickets_ticket"
