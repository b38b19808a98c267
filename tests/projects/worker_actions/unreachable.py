"""A Celery application whose broker is not there."""

from celery import Celery
from django.conf import settings

app = Celery("unreachable", broker="redis://127.0.0.1:1/0", set_as_current=False)
app.conf.broker_transport_options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
