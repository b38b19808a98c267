"""Read the table when a round has left nothing pending."""

from __future__ import annotations

from django.conf import settings

from token_rotation.distributed.inputs import options_of, target_of
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions
from token_rotation.run.verify import verify

PART_OF_THE_SOFT_LIMIT = 0.8


def verdict_of(rotation: BatchOperation) -> Verdict | Unread:
    """Read the table, in a part of a worker's time.

    A table that is too large for it stays unverified: ``rotate_tokens --report --exact`` reads it
    in a process that has the time.
    """
    soft_limit = getattr(settings, "CELERY_TASK_SOFT_TIME_LIMIT", None) or float("inf")
    at_most_seconds = min(_asked_for(rotation), PART_OF_THE_SOFT_LIMIT * soft_limit)
    return verify(target_of(rotation), at_most_seconds=at_most_seconds, observe=lambda _: None)


def _asked_for(rotation: BatchOperation) -> float:
    try:
        return options_of(rotation).verdict_at_most_seconds
    except (TypeError, KeyError):  # of another version of this code
        return RotationOptions().verdict_at_most_seconds
