"""Where failures are counted unless the settings name another storage."""

from django.db import models


class FailureCount(models.Model):
    """How often look-ups of one client have failed since its window began.

    The migration makes the table UNLOGGED: a count costs no WAL and no wait for the disk, and a
    crash of the server forgets the counts, which does no harm.
    """

    key = models.CharField(max_length=200, primary_key=True)
    failures = models.PositiveIntegerField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key
