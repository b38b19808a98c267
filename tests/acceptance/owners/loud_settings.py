"""The site's settings; all logs go to stderr as they are, with the security log."""

from typing import Any

from tickets.config.settings import *  # noqa: F403

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"security": {"()": "token_rotation.SecurityJson"}},
    "handlers": {
        "stderr": {"class": "logging.StreamHandler"},
        "security": {"class": "logging.StreamHandler", "formatter": "security"},
    },
    "root": {"handlers": ["stderr"], "level": "DEBUG"},
    "loggers": {
        "token_rotation.security": {
            "handlers": ["security"],
            "level": "INFO",
            "propagate": False,
        }
    },
}
