"""The site's settings; the settings of reports are those that an operator gets."""

from tickets.config.settings import *  # noqa: F403

ROOT_URLCONF = "benchmark.projects.slow_report.urls"
