"""Time limit and options of a worker on one range."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from token_rotation.distributed.inputs import input_of, options_of
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions

LONGEST_SECONDS = 300.0


def range_seconds() -> float:
    """Return the longest time of one attempt, in seconds.

    It is well below the soft time limit. The next round distributes the rest among all workers
    again.
    """
    limit = getattr(settings, "CELERY_TASK_SOFT_TIME_LIMIT", None)
    return LONGEST_SECONDS if limit is None else min(LONGEST_SECONDS, limit / 2)


def range_options(rotation: BatchOperation, work_range: BatchOperation) -> RotationOptions:
    """Return the operator's options for a range.

    Only the lone range of a round waits for locked rows; others leave them to the next round.
    VACUUMs are operations of their own.
    """
    options = options_of(rotation)
    lock_wait_seconds = 0.0
    if input_of(work_range)["waits_for_locks"]:
        lock_wait_seconds = min(options.wait_for_locks_seconds, range_seconds() / 2)
    return replace(options, wait_for_locks_seconds=lock_wait_seconds, vacuum_every_percent=0.0)
