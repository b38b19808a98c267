"""The project's settings with short times, for real workers that tests do things to."""

import os
from typing import Any

from django.conf.global_settings import STORAGES

from tickets.config.settings import *  # noqa: F403
from tickets.config.settings import (
    CELERY_BEAT_SCHEDULE,
    CELERY_BROKER_TRANSPORT_OPTIONS,
    INSTALLED_APPS,
)

INSTALLED_APPS = [*INSTALLED_APPS, "tests.projects.worker_actions"]

LEASE_SECONDS = 4
MAX_RETRIES = 2

OPERATIONS_QUEUES = {"reports": "operations-reports"}
OPERATIONS_LEASE_SECONDS = LEASE_SECONDS
OPERATIONS_MAX_RETRIES = MAX_RETRIES
OPERATIONS_RESEND_SECONDS = float(os.environ.get("TEST_RESEND_SECONDS", "20"))
OPERATIONS_MAX_LOSSES = 2
OPERATIONS_RETRY_BACKOFF_SECONDS = 1
OPERATIONS_RETRY_BACKOFF_MAX_SECONDS = 1
CELERY_TASK_SOFT_TIME_LIMIT = 60.0
CELERY_TASK_TIME_LIMIT = 70
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {
    **CELERY_BROKER_TRANSPORT_OPTIONS,
    "visibility_timeout": float(os.environ.get("TEST_VISIBILITY_SECONDS", "100")),
}
CELERY_BEAT_SCHEDULE = {
    name: {**entry, "schedule": 0.5} for name, entry in CELERY_BEAT_SCHEDULE.items()
}
ADMINS = [("On call", "on-call@example.com")]
EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = os.environ["TEST_MAIL_DIRECTORY"]
STORAGES = {
    **STORAGES,
    "token_rotation_jobs": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": os.environ.get("TEST_JOB_FILES", os.devnull)},
    },
}
