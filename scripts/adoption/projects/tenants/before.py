from secrets import token_hex

from django.db import models


def make_token() -> str:
    return token_hex(16)


class ApiKey(models.Model):
    owner = models.CharField(max_length=50)
    token = models.CharField(max_length=32, unique=True, default=make_token, editable=False)
