"""Celery's soft time limit, told from the errors that a broad ``except`` is meant for."""

import sys


def is_time_limit(error: BaseException) -> bool:
    """Whether it is SoftTimeLimitExceeded, an Exception that must reach Celery.

    Celery need not be installed; where billiard was not imported nobody can have raised it.
    """
    billiard = sys.modules.get("billiard.exceptions")
    return billiard is not None and isinstance(error, billiard.SoftTimeLimitExceeded)
