from secrets import token_hex

from django.db import models

from token_rotation import PendingIndex, RotatedAtField, guard, hexadecimal, token_default

TOKEN = hexadecimal(32)


def make_token() -> str:  # the first migration names it
    return token_hex(16)


class ApiKey(models.Model):
    owner = models.CharField(max_length=50)
    token = models.CharField(
        max_length=32, unique=True, db_default=token_default(TOKEN), editable=False
    )
    token_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex()]
        triggers = guard(fresh_token=TOKEN)
