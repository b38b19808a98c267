"""The site's settings, with tokens of the tickets made in Python."""

from tickets.config.settings import *  # noqa: F403
from tickets.config.settings import INSTALLED_APPS as SITE_APPS

INSTALLED_APPS = [*SITE_APPS, "benchmark.projects.python_tokens"]
