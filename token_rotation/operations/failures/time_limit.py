"""Tell a time limit of Celery's or RQ's from other errors.

A broad ``except`` is for the other errors.
"""

import sys

LIMITS = (
    ("billiard.exceptions", "SoftTimeLimitExceeded"),
    ("rq.timeouts", "JobTimeoutException"),
)


def is_time_limit(error: BaseException) -> bool:
    """Return True for SoftTimeLimitExceeded, an Exception that must reach Celery, or RQ's.

    Neither need be installed: without its module nothing can have raised it.
    """
    kinds = (getattr(sys.modules.get(module), name, None) for module, name in LIMITS)
    return any(kind is not None and isinstance(error, kind) for kind in kinds)
