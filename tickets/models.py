"""Tickets, their messages, and where imported ones come from."""

from typing import ClassVar

from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Left, Now

from tickets.errors import MessageChangedError
from token_rotation import OwnerNotice, ShadowColumn, guard
from token_rotation.models import RotatesToken
from token_rotation.operations.models import BatchOperation

SEARCH_CONFIG = "simple"
"""Words as they are written: a stem would find other passwords than the one typed."""


owner_notice = OwnerNotice(
    "tickets.Ticket",
    tell="tickets.mail.tell_requesters",
    owners=Q(requester_email__isnull=False),
)


class Ticket(RotatesToken):
    """A customer's ticket.

    Its token opens it, so the token is a secret. The database issues token and marker. After
    ``create()``, ``bulk_create()`` and the first ``save()`` the fields hold the stored values, even
    if the caller passed others.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        WAITING = "waiting"
        CLOSED = "closed"

    SUBJECT_LENGTH = 200

    subject = models.CharField(max_length=SUBJECT_LENGTH)
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.OPEN)
    created_at = models.DateTimeField(auto_now_add=True)
    # The insert guard overrides both defaults. They are here because after an INSERT Django reads
    # back only fields with a database default. That of the marker is NULL, since a fixture without
    # a marker sets it to its default, and that must claim no rotation.
    token = models.UUIDField(unique=True, editable=False, db_default=RandomUUID())
    token_rotated_at = models.DateTimeField(null=True, editable=False, db_default=None)
    # Who is told of a new link. The old application knows none: NULL. Triggers keep the markers.
    requester_email = models.EmailField(null=True, blank=True)  # noqa: DJ001
    token_notified_at = models.DateTimeField(null=True, blank=True, db_default=None)
    token_notice_refused_at = models.DateTimeField(null=True, blank=True, db_default=None)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                name="tickets_ticket_pending",
                condition=models.Q(token_rotated_at__isnull=True),
            ),
            models.Index(
                fields=["id"], name="tickets_ticket_untold", condition=owner_notice.pending
            ),
        ]
        triggers: ClassVar = [*guard(), *owner_notice.triggers]

    def __str__(self) -> str:
        return self.subject


message_search = ShadowColumn(
    "tickets.Message",
    "search_filled_at",
    # PostgreSQL refuses a vector above 1 MB, and so the whole message.
    set={"search": SearchVector(Left("body", 100_000), config=SEARCH_CONFIG)},
)


class Message(models.Model):
    """A text about a ticket, and its words to search for."""

    ticket = models.ForeignKey(Ticket, on_delete=models.CASCADE, related_name="messages")
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # Counts the changes, so that none of them undoes another unnoticed.
    version = models.PositiveIntegerField(default=1, editable=False)
    # NULL until fill_column or a trigger has filled them.
    search = SearchVectorField(null=True, editable=False)
    search_filled_at = models.DateTimeField(null=True, editable=False, db_default=None)

    class Meta:
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                name="tickets_message_unfilled",
                condition=models.Q(search_filled_at__isnull=True),
            ),
            GinIndex(fields=["search"], name="tickets_message_search"),
        ]
        triggers: ClassVar = message_search.triggers

    def __str__(self) -> str:
        return f"message {self.pk}"

    def rewrite(self, body: str) -> None:
        """Store another text, unless the stored one has changed.

        It must be the one that was read. Otherwise two people who black out different words would
        restore each other's words. One UPDATE compares and increments the version.

        Raises MessageChangedError for the second one; nothing is written then.
        """
        rewritten = Message.objects.filter(pk=self.pk, version=self.version).update(
            body=body, version=F("version") + 1
        )
        if not rewritten:
            raise MessageChangedError(self.pk)
        self.body = body
        self.version += 1


class ImportedTicket(models.Model):
    """The origin of an imported ticket.

    It prevents a second import. It stays when its ticket is deleted, so that a repeated import does
    not restore the ticket.
    """

    REFERENCE_LENGTH = 200

    ticket = models.OneToOneField(
        Ticket, on_delete=models.SET_NULL, null=True, related_name="imported"
    )
    operation = models.ForeignKey(BatchOperation, on_delete=models.PROTECT, related_name="+")
    reference = models.CharField(max_length=REFERENCE_LENGTH)
    # SHA-256 of the imported contents: the ticket may have been edited since.
    digest = models.BinaryField(max_length=32)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["reference"], name="tickets_imported_once")
        ]

    def __str__(self) -> str:
        return self.reference
