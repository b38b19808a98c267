"""Two kinds of tokens, and a gate at which a rotation waits after a batch.

The project's second release changes ``DIGITS``. With $GATE a rotation makes the file $GATE.reached
after its first batch, and goes on as soon as there is a file $GATE.
"""

import os
import time
from pathlib import Path
from typing import Any, ClassVar

from django.db import models
from django.dispatch import receiver

from token_rotation import (
    PendingIndex,
    RotatedAtField,
    guard,
    hexadecimal,
    keep_retired,
    token_default,
    tokens_rotated,
)
from token_rotation.models import RotatesToken, RotatingToken

DIGITS = 32
SECRET = hexadecimal(DIGITS, prefix="tk_")


class Link(RotatingToken):
    owner = models.TextField(default="")

    class Meta(RotatingToken.Meta):
        triggers: ClassVar = [*guard(), *keep_retired()]


class Key(RotatesToken):
    owner = models.TextField(default="")
    secret = models.CharField(max_length=50, unique=True, db_default=token_default(SECRET))
    secret_rotated_at = RotatedAtField()

    class Meta:
        indexes: ClassVar = [PendingIndex("secret_rotated_at")]
        triggers: ClassVar = guard("secret", "secret_rotated_at", SECRET)


class Round(models.Model):
    """One round of the traffic of a release."""

    version = models.TextField()

    def __str__(self) -> str:
        return self.version


@receiver(tokens_rotated)
def wait_at_the_gate(**_: Any) -> None:
    if "GATE" in os.environ:
        gate = Path(os.environ["GATE"])
        gate.with_suffix(".reached").touch()
        while not gate.exists():
            time.sleep(0.01)
