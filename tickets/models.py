"""The ticket application's data."""

from typing import ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F
from django.db.models.functions import Now

from tickets.errors import MessageChangedError
from token_rotation import guard
from token_rotation.models import RotatesToken
from token_rotation.operations.models import BatchOperation


class Ticket(RotatesToken):
    """A customer's ticket; whoever knows its token may open it, so the token is a secret.

    The database issues token and marker: their fields hold what is stored after ``create()``,
    ``bulk_create()`` and the first ``save()``, even if the caller passed values of its own.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        WAITING = "waiting"
        CLOSED = "closed"

    SUBJECT_LENGTH = 200

    subject = models.CharField(max_length=SUBJECT_LENGTH)
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


class Message(models.Model):
    """What somebody wrote about a ticket."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="messages")
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # Counts the rewritings, so that one of them cannot undo another unseen.
    version = models.PositiveIntegerField(default=1, editable=False)

    def __str__(self) -> str:
        return f"message {self.pk}"

    def rewrite(self, body: str) -> None:
        """Store another text, on condition that the stored one is still the one that was read.

        Two people who blacken out different words of one message would each bring the other's
        words back. One UPDATE compares the version and counts it up; who comes second is told.

        Raises MessageChangedError; nothing is written then.
        """
        rewritten = Message.objects.filter(pk=self.pk, version=self.version).update(
            body=body, version=F("version") + 1
        )
        if not rewritten:
            raise MessageChangedError(self.pk)
        self.body = body
        self.version += 1


class ImportedTicket(models.Model):
    """Where an imported ticket comes from, and why it is not imported a second time.

    It stays when its ticket is deleted, so that a repeated import does not bring the ticket back.
    """

    REFERENCE_LENGTH = 200

    ticket = models.OneToOneField(
        Ticket, on_delete=models.SET_NULL, null=True, related_name="imported"
    )
    operation = models.ForeignKey(BatchOperation, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=REFERENCE_LENGTH)
    # SHA-256 of what was imported: the ticket itself may have been edited since.
    digest = models.BinaryField(max_length=32)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reference"], name="tickets_imported_once")
        ]

    def __str__(self) -> str:
        return self.reference
