"""The site's settings, with the old ticket application in place of the new one."""

from tickets.config.settings import *  # noqa: F403
from tickets.config.settings import INSTALLED_APPS as NEW_APPS
from tickets.config.settings import MIDDLEWARE as NEW_MIDDLEWARE

INSTALLED_APPS = [
    *(app for app in NEW_APPS if app.startswith("django.")),
    "tests.projects.old_application",
]
MIDDLEWARE = [middleware for middleware in NEW_MIDDLEWARE if middleware.startswith("django.")]
ROOT_URLCONF = "tests.projects.old_application.urls"
