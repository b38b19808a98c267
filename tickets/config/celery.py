"""The Celery application: ``celery --app tickets.config.celery worker``.

Its settings are those of settings.py that begin with CELERY_.
"""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")

app = Celery("tickets")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _log_as_django_does(**_: Any) -> None:
    """Prevent Celery's own handlers, which do not mask tokens."""
    from django.conf import settings  # noqa: PLC0415  (not before Celery has set Django up)

    logging.config.dictConfig(settings.LOGGING)
