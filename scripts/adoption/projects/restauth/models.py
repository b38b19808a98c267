from secrets import token_hex

from django.contrib.auth.models import User
from django.db import models

from token_rotation import PendingIndex, RotatedAtField, guard, hexadecimal, token_default

KEY = hexadecimal(40)


def make_key() -> str:  # the first migration names it
    return token_hex(20)


class Token(models.Model):
    key = models.CharField(max_length=40, unique=True, db_default=token_default(KEY))
    key_rotated_at = RotatedAtField()
    user = models.OneToOneField(User, models.CASCADE, related_name="auth_token")

    class Meta:
        indexes = [PendingIndex("key_rotated_at")]
        triggers = guard("key", "key_rotated_at", KEY)
