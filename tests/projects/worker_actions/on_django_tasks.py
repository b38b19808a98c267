"""The same settings, with a backend of Django's Tasks framework in Celery's place."""

import os

from tests.projects.worker_actions.settings import *  # noqa: F403
from tests.projects.worker_actions.settings import INSTALLED_APPS
from tests.support.task_workers import APPS, task_settings

INSTALLED_APPS = [*INSTALLED_APPS, *APPS]
globals().update(task_settings(os.environ["TEST_TASK_BACKEND"], os.environ["TEST_REDIS_URL"]))
OPERATIONS_CELERY_APP = None
