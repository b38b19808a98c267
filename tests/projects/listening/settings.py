"""The site's settings, with a receiver of rotations."""

from tickets.config.settings import *  # noqa: F403
from tickets.config.settings import INSTALLED_APPS as SITE_APPS

INSTALLED_APPS = [*SITE_APPS, "tests.projects.listening"]
