"""A project's own user, who opens its views with a key."""

from secrets import token_hex

from django.contrib.auth.models import AbstractUser
from django.db import models


def make_key() -> str:
    return token_hex(20)


class User(AbstractUser):
    api_key = models.CharField(max_length=40, unique=True, default=make_key)
