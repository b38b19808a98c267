from secrets import token_hex

from django.db import models
from simple_history.models import HistoricalRecords


def make_token() -> str:
    return token_hex(16)


class ApiKey(models.Model):
    owner = models.CharField(max_length=50)
    token = models.CharField(max_length=32, unique=True, default=make_token, editable=False)
    history = HistoricalRecords()
