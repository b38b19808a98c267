"""The same user with a guard."""

from secrets import token_hex

from django.contrib.auth.models import AbstractUser
from django.db import models

from token_rotation import PendingIndex, RotatedAtField, guard, hexadecimal, token_default

KEY = hexadecimal(40)


def make_key() -> str:
    return token_hex(20)


class User(AbstractUser):
    api_key = models.CharField(max_length=40, unique=True, db_default=token_default(KEY))
    api_key_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex("api_key_rotated_at")]  # noqa: RUF012  (Django's own way)
        triggers = guard("api_key", "api_key_rotated_at", KEY)
