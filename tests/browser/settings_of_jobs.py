"""The settings of the browser's site, with jobs, and files that their workers read."""

import os

from django.conf.global_settings import STORAGES

from tests.browser.settings import *  # noqa: F403
from tests.browser.settings import INSTALLED_APPS

INSTALLED_APPS = [*INSTALLED_APPS, "tests.projects.worker_actions"]
STORAGES = {
    **STORAGES,
    "token_rotation_jobs": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": os.environ["TEST_JOB_FILES"]},
    },
}
