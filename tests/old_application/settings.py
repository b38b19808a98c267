"""The site's settings, with the old ticket application in place of the new one."""

from tickets.config.settings import *  # noqa: F403
from tickets.config.settings import INSTALLED_APPS as NEW_APPS

INSTALLED_APPS = [
    *(app for app in NEW_APPS if app.startswith("django.")),
    "tests.old_application",
]
ROOT_URLCONF = "tests.old_application.urls"
