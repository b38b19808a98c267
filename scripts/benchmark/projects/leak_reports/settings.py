"""The site's settings, and one key that may sign."""

import os

from benchmark.projects.leak_reports import KEY_ID, KEY_VARIABLE
from tickets.config.settings import *  # noqa: F403

TOKEN_ROTATION_INTAKE_PUBLIC_KEYS = {KEY_ID: os.environ[KEY_VARIABLE]}
