import uuid

from django.db import models
from django_rest_passwordreset.models import ResetPasswordToken

from token_rotation import (
    Column,
    PendingIndex,
    RotatedAtField,
    guard,
    hexadecimal,
    keep_retired,
    token_default,
)
from token_rotation.models import RotatingToken


SECRET = hexadecimal(36, prefix="tk_")


def make(): ...  # the first migration names it


class Link(RotatingToken):
    class Meta(RotatingToken.Meta):
        triggers = [*guard(), *keep_retired()]


class Fresh(RotatingToken):
    class Meta(RotatingToken.Meta):
        pass


class Key(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    secret = models.CharField(max_length=40, unique=True, db_default=token_default(SECRET))
    secret_rotated_at = RotatedAtField()

    class Meta:
        indexes = [PendingIndex("secret_rotated_at")]
        triggers = [*guard("secret", "secret_rotated_at", SECRET)]


class GuardedResetToken(ResetPasswordToken):
    class Meta:
        proxy = True
        triggers = guard("key", Column("key_rotated_at"), hexadecimal(40))


class Visit(models.Model):
    id = models.BigAutoField(primary_key=True)
    link = models.ForeignKey(Link, on_delete=models.CASCADE)
