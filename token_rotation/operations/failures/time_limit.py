"""Tell Celery's soft time limit from other errors.

A broad ``except`` is for the other errors.
"""

import sys


def is_time_limit(error: BaseException) -> bool:
    """Return True for SoftTimeLimitExceeded, an Exception that must reach Celery.

    Celery need not be installed: without billiard nothing can have raised it.
    """
    billiard = sys.modules.get("billiard.exceptions")
    return billiard is not None and isinstance(error, billiard.SoftTimeLimitExceeded)
