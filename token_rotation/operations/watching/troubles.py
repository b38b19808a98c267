"""Find troubles of operations: a line each.

An operation gets its line whatever its record holds.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db.models import QuerySet

from token_rotation.operations.actions.registry import registry
from token_rotation.operations.failures.alerts import reason
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.lifecycle import Result, Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.limits import visibility_timeout_seconds
from token_rotation.operations.stored_output import UNFINISHED, read_unfinished
from token_rotation.operations.watching.left_over import overdue, run_by

# The operation that a round of the watch is.
WATCH = "token_rotation.operations.watching.watch"
# The columns that are read of every operation.
IDENTITY = ("operation_type", "created_at", "heartbeat_at")

logger = logging.getLogger(__name__)


class Trouble(NamedTuple):
    """An operation, and what is wrong with it."""

    operation: BatchOperation
    reason: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.reason}"


def troubles(since: datetime) -> dict[str, list[Trouble]]:
    """Return troubles by kind: present ones, and those of operations that ended since then."""
    silent_for = timedelta(seconds=option("OPERATIONS_STALLED_SECONDS"))
    stalled = BatchOperation.objects.stalled(silent_for).exclude(operation_type=WATCH)
    ended = BatchOperation.objects.filter(status=Status.FINISHED, finished_at__gte=since)
    ended = ended.order_by("finished_at")
    unfinished = ended.filter(result=Result.SUCCESSFUL, output_data__has_key=UNFINISHED)
    unfinished = unfinished.exclude(operation_type=WATCH)  # its own report has that kind
    waiting = BatchOperation.objects.filter(
        overdue(visibility_timeout_seconds()), run_by(registry.names())
    )
    return {
        "stalled": _each(stalled, lambda each: f"silent since {each.heartbeat_at}"),
        "failed": _each(ended.filter(result=Result.FAILED), reason),
        "unfinished": _each(unfinished, lambda each: read_unfinished(each.output_data)),
        "not started": _each(waiting, lambda each: f"waits since {each.created_at}"),
    }


def _each(found: QuerySet[BatchOperation], say: Callable[[BatchOperation], str]) -> list[Trouble]:
    """Return the trouble of each operation, also for unreadable records.

    What ``say`` needs beside IDENTITY is read then, one operation at a time. A record that cannot
    be read must not end the look at all of them.
    """
    troubled = []
    for each in found.only(*IDENTITY).iterator():
        try:
            said = say(each)
        except Exception as error:  # whatever is wrong with this one, the others are reported
            if is_time_limit(error):
                raise
            logger.exception("%s cannot be read", each)
            said = f"its record cannot be read ({type(error).__qualname__})"
        troubled.append(Trouble(each, said))
    return troubled
