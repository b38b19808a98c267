"""The table of failure counts, for the storage ``database://``."""

from django.db import models


class FailureCount(models.Model):
    """Failed look-ups of one client since its window began.

    The migration makes the table UNLOGGED: a count writes no WAL and does not wait for the disk. A
    crash of the server deletes the counts, which does no harm.
    """

    key = models.CharField(max_length=200, primary_key=True)
    failures = models.PositiveIntegerField()
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key
