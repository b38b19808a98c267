"""The site's settings, with reports on demand and little patience."""

from tickets.config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.projects.long_reports.urls"
REPORT_KEEP_ALIVE_SECONDS = 0.2
REPORT_STALLED_CLIENT_SECONDS = 2
