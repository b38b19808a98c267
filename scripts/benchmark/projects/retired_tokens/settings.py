"""The site's settings, with the hashes of retired tokens kept."""

from tickets.config.settings import *  # noqa: F403
from tickets.config.settings import INSTALLED_APPS as SITE_APPS

INSTALLED_APPS = [*SITE_APPS, "benchmark.projects.retired_tokens"]
