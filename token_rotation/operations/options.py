"""The app's Django settings, all of them optional.

docs/reference/settings.md has the table.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

DEFAULTS: dict[str, Any] = {
    # Run every operation in the calling process, at once: for tests and debugging.
    "OPERATIONS_ALWAYS_SYNCHRONOUS": False,
    # Dotted path of the Celery application; None: no asynchronous work.
    "OPERATIONS_CELERY_APP": None,
    # A name in TASKS: that backend of Django's Tasks framework runs operations; None: Celery does.
    "OPERATIONS_TASK_BACKEND": None,
    # Dotted path of str -> str that hides secrets; None: no error's text is stored at all.
    "OPERATIONS_MASK": None,
    # Seconds without a heartbeat after which another attempt may take over.
    "OPERATIONS_LEASE_SECONDS": 60,
    # Seconds after which a message that no worker took may be lost; as often somebody looks.
    "OPERATIONS_RESEND_SECONDS": 20,
    # How many workers an operation may lose before it fails: it probably kills them.
    "OPERATIONS_MAX_LOSSES": 3,
    # Seconds without a heartbeat after which people are told.
    "OPERATIONS_STALLED_SECONDS": 900,
    # The largest file that a job in workers is given, and how long one is kept that no run needs.
    "OPERATIONS_JOB_FILE_MEGABYTES": 100,
    "OPERATIONS_JOB_FILE_DAYS": 30,
    "OPERATIONS_MAX_RETRIES": 5,
    "OPERATIONS_RETRY_BACKOFF_SECONDS": 2,
    "OPERATIONS_RETRY_BACKOFF_MAX_SECONDS": 300,
    # Aliases of queues of one's own, for groups and single runs: {"reports": "operations-reports"}.
    "OPERATIONS_QUEUES": {},
    "OPERATIONS_QUEUE_DEFAULT": "operations-default",
    "OPERATIONS_QUEUE_HIGH": "operations-high",
}


def option(name: str) -> Any:
    """Return the setting, or its default.

    Raises KeyError for a name that is no setting of this app.
    """
    default = DEFAULTS[name]
    return getattr(settings, name, default)


def mask() -> Callable[[str], str] | None:
    """Return the function that hides secrets in errors, or None.

    It is None without the setting.
    """
    path = option("OPERATIONS_MASK")
    return None if path is None else import_string(path)
