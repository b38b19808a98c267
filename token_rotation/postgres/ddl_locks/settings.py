"""The length and number of attempts.

Read when a lock is wanted.
"""

from django.conf import settings
from django.core.management.base import CommandError


def lock_timeout_ms() -> int:
    """``TOKEN_ROTATION_DDL_LOCK_TIMEOUT_MS``: how long one attempt waits, default 100 ms.

    This is the longest that a migration makes a query of the application wait. It must be above 0,
    which PostgreSQL reads as "for ever".
    """
    return int(_above_zero("TOKEN_ROTATION_DDL_LOCK_TIMEOUT_MS", 100))


def retry_seconds() -> float:
    """Return ``TOKEN_ROTATION_DDL_RETRY_SECONDS``, default 600 s.

    It is the longest time to retry for a lock.
    """
    return _above_zero("TOKEN_ROTATION_DDL_RETRY_SECONDS", 600)


def _above_zero(name: str, default: int) -> float:
    value = getattr(settings, name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise CommandError(
            f"{name} is {value!r}; it must be a number above 0. Nothing was changed."
        )
    return value
