"""One VACUUM beside the ranges of a distributed rotation, at the pace that others allow."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connections

from token_rotation.distributed.inputs import input_of, target_of
from token_rotation.distributed.records import (
    goes_on,
    meets_traffic,
    records_database,
    rotation_of,
)
from token_rotation.inspection.snapshots import next_transaction
from token_rotation.maintenance.background_vacuum import cost_limit
from token_rotation.maintenance.vacuum import TableVacuum, Vacuumed
from token_rotation.operations.models import BatchOperation
from token_rotation.postgres.reading import reading
from token_rotation.run.recording.record import BEAT_EVERY_SECONDS, DATABASE_ERRORS
from token_rotation.selection.target import Target
from token_rotation.stop import answering_signals

PART_OF_THE_SOFT_LIMIT = 0.8


def run_vacuum(vacuum: BatchOperation) -> dict[str, Any]:
    """Vacuum the table while the rotation goes on.

    Returns the outcome as JSON values. It ends with the rotation, or before the soft time limit.
    What was cleaned stays so.
    """
    rotation = rotation_of(vacuum)
    if rotation is None or not goes_on(rotation):
        return {"done": False, "skipped_because": "the rotation has ended"}
    target = target_of(rotation)
    with reading(target.database) as connection:
        until_xid = next_transaction(connection)
    ended = _vacuum(target, rotation, input_of(vacuum)["since_xid"])
    return {
        "done": ended.done,
        "skipped_because": ended.skipped_because,
        "seconds": round(ended.seconds, 3),
        "until_xid": until_xid,
    }


def _vacuum(target: Target, rotation: BatchOperation, since_xid: int | None) -> Vacuumed:
    """Vacuum fast while nobody else is at work, then slowly."""
    soft_limit = getattr(settings, "CELERY_TASK_SOFT_TIME_LIMIT", None) or float("inf")
    ends_at = time.monotonic() + PART_OF_THE_SOFT_LIMIT * soft_limit

    def is_over() -> bool:
        return time.monotonic() >= ends_at or not _as_stored(
            partial(goes_on, rotation), otherwise=True
        )

    def has_traffic() -> bool:
        return _as_stored(partial(meets_traffic, rotation), otherwise=False)

    gave_way = has_traffic()
    if not gave_way:

        def gives_way() -> bool:
            nonlocal gave_way
            gave_way = gave_way or has_traffic()
            return gave_way

        ended = _run(target, since_xid, brisk=True, is_over=lambda: is_over() or gives_way())
        if ended.done or is_over() or not gave_way:
            return ended
    return _run(target, since_xid, brisk=False, is_over=is_over)


def _run(
    target: Target, since_xid: int | None, *, brisk: bool, is_over: Callable[[], bool]
) -> Vacuumed:
    """Vacuum in a thread, so that this thread keeps watching."""
    vacuum = TableVacuum(target, cost_limit=cost_limit(meets_traffic=not brisk))

    def end_in_time() -> None:
        if is_over():
            vacuum.cancel()

    return answering_signals(
        partial(vacuum.run, since_xid=since_xid),
        every_seconds=BEAT_EVERY_SECONDS,
        meanwhile=end_in_time,
        cancel=vacuum.cancel,
    )


def _as_stored(look: Callable[[], bool], *, otherwise: bool) -> bool:
    try:
        return look()
    except DATABASE_ERRORS:
        connections[records_database()].close()  # the next look opens another
        return otherwise
