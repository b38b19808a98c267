"""Base classes of models with a rotating token.

It also holds the table of retired tokens.
"""

from __future__ import annotations

from django.db import models

from token_rotation.declare.model import RotatesToken, RotatingQuerySet, RotatingToken

__all__ = ["RetiredToken", "RotatesToken", "RotatingQuerySet", "RotatingToken"]


class RetiredToken(models.Model):
    """The SHA-256 of a replaced token.

    The replaced token opens nothing any more.

    The triggers of ``keep_retired`` write it; without them the table stays empty. ``source`` is
    "table.column". Only the hash is indexed: a search by time reads the whole table.
    """

    hash = models.BinaryField(primary_key=True, max_length=32)
    source = models.TextField()
    retired_at = models.DateTimeField()

    class Meta:
        verbose_name = "retired token"

    def __str__(self) -> str:
        return f"a token of {self.source}, retired {self.retired_at}"
