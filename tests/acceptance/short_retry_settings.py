"""The project's settings for a migrate that gives up soon."""

from tickets.config.settings import *  # noqa: F403

TOKEN_ROTATION_DDL_RETRY_SECONDS = 1
