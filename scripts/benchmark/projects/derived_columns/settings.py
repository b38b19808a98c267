"""The site's settings, with a column that derives from the token."""

from tickets.config.settings import *  # noqa: F403
from tickets.config.settings import INSTALLED_APPS as SITE_APPS

INSTALLED_APPS = [*SITE_APPS, "benchmark.projects.derived_columns"]
