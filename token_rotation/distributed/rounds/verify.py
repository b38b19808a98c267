"""Read the table when a round has left nothing pending."""

from __future__ import annotations

from django.conf import settings

from token_rotation.distributed.inputs import options_of, target_of
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions
from token_rotation.run.verify import verify

PART_TO_READ = 0.7
PART_TO_WAIT = 0.1
"""Of the soft limit."""


def verdict_of(rotation: BatchOperation) -> Verdict | Unread:
    """Read the table, in a part of a worker's time.

    A table that is too large for it stays unverified: ``rotate_tokens --report --exact`` reads it
    in a process that has the time.
    """
    options = _options_of(rotation)
    soft_limit = getattr(settings, "CELERY_TASK_SOFT_TIME_LIMIT", None) or float("inf")
    wait_seconds = min(options.wait_for_locks_seconds, PART_TO_WAIT * soft_limit)
    return verify(
        target_of(rotation),
        at_most_seconds=min(options.verdict_at_most_seconds, PART_TO_READ * soft_limit),
        wait_for_locks_seconds=wait_seconds,
        observe=lambda _: None,
    )


def _options_of(rotation: BatchOperation) -> RotationOptions:
    try:
        return options_of(rotation)
    except (TypeError, KeyError):  # of another version of this code
        return RotationOptions()
