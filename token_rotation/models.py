"""Base classes for models with a rotating token, and the tokens that were retired."""

from __future__ import annotations

from django.db import models

from token_rotation.declare.declaration import RotatingToken
from token_rotation.declare.rotating import RotatesToken

__all__ = ["RetiredToken", "RotatesToken", "RotatingToken"]


class RetiredToken(models.Model):
    """The SHA-256 of a token that opens nothing any more. Triggers write it: see ``keep_retired``.

    Without them the table stays empty. ``source`` is "table.column". There is no index but that of
    the hash: whatever is older than some time is found by reading the table once.
    """

    hash = models.BinaryField(primary_key=True, max_length=32)
    source = models.TextField()
    retired_at = models.DateTimeField()

    class Meta:
        verbose_name = "retired token"

    def __str__(self) -> str:
        return f"a token of {self.source}, retired {self.retired_at}"
