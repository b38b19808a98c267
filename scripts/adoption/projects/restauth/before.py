from secrets import token_hex

from django.contrib.auth.models import User
from django.db import models


def make_key() -> str:
    return token_hex(20)


class Token(models.Model):
    key = models.CharField(max_length=40, unique=True, default=make_key)
    user = models.OneToOneField(User, models.CASCADE, related_name="auth_token")
