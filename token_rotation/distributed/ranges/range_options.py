"""Options of a worker on one range."""

from __future__ import annotations

from dataclasses import replace

from token_rotation.distributed.inputs import input_of, options_of
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.limits import attempt_seconds
from token_rotation.options import RotationOptions


def range_options(rotation: BatchOperation, work_range: BatchOperation) -> RotationOptions:
    """Return the operator's options for a range.

    Only the lone range of a round waits for locked rows; others leave them to the next round.
    VACUUMs are operations of their own.
    """
    options = options_of(rotation)
    lock_wait_seconds = 0.0
    if input_of(work_range)["waits_for_locks"]:
        lock_wait_seconds = min(options.wait_for_locks_seconds, attempt_seconds() / 2)
    return replace(options, wait_for_locks_seconds=lock_wait_seconds, vacuum_every_percent=0.0)
