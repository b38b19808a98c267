"""Look at all operations: send lost ones again, report problems.

Each round is an operation itself. Its ``output_data`` holds what it reported, so that no round
reports anything twice, and a failure whose alert was lost is still reported.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import StatusChangeError, UnavailableError
from token_rotation.operations.execution.claim import WAITING
from token_rotation.operations.failures.alerts import mail, tell
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option
from token_rotation.operations.queue.broker import send
from token_rotation.operations.signals import operations_watched
from token_rotation.operations.stored_output import read_object
from token_rotation.operations.watching.troubles import IDENTITY, WATCH, overdue, troubles

MOST_IN_A_ROUND = 100
# A transaction that finishes an operation may commit after the round that should have seen it.
LATE_COMMITS = timedelta(hours=1)
KEPT_FOR = timedelta(days=2)

logger = logging.getLogger(__name__)


def watch(key: UUID | None = None) -> BatchOperation | None:
    """Make one round and return its record, or None.

    None means that this key's round has run or runs. A round that dies before it reports leaves its
    findings to the next one.
    """
    record = BatchOperation.objects.create_asynchronous(WATCH, key=key)
    try:
        record.mark_as_running()
    except StatusChangeError:
        return None
    told = _told()
    report = {"sent again": _send_again(), **troubles(since=_since(record))}
    news = {kind: [line for line in report[kind] if line not in told] for kind in report}
    if any(news.values()):
        text = "\n\n".join(_section(kind, lines) for kind, lines in news.items() if lines)
        logger.error("operations need a look: %s", text)
        mail("operations need a look", text)
    # After the report: reported twice is better than never.
    record.finish(output_data={**news, "sent again": report["sent again"]})
    tell(operations_watched)
    # Rounds that have died, too.
    old = BatchOperation.objects.of_type(WATCH).filter(created_at__lt=record.created_at - KEPT_FOR)
    old.delete()
    return record


def _send_again() -> list[str]:
    """Send operations again whose task or worker was lost.

    Sending too often does no harm: the second worker finds the operation held or finished.
    """
    lines = []
    for operation in _left_over():
        try:
            send(operation, registry.get(operation.operation_type))
            lines.append(f"{operation}")
        except UnavailableError as error:
            lines.append(f"{operation} could not be: {error}")
            break
        except Exception as error:  # whatever is wrong with this one, the others are sent
            if is_time_limit(error):
                raise
            logger.exception("%s was not sent again", operation)
            lines.append(f"{operation} could not be: {type(error).__qualname__}")
    return lines


def _left_over() -> QuerySet[BatchOperation]:
    lease = timedelta(seconds=option("OPERATIONS_LEASE_SECONDS"))
    pause = timedelta(seconds=option("OPERATIONS_RETRY_BACKOFF_MAX_SECONDS"))
    dead = ~Q(runner__in=["", WAITING]) & Q(heartbeat_at__lt=Now() - lease)
    forgotten = Q(runner=WAITING, heartbeat_at__lt=Now() - lease - pause)
    running = Q(status=Status.RUNNING) & (dead | forgotten)
    return (
        BatchOperation.objects.filter(running | overdue(), operation_type__in=registry.names())
        .only(*IDENTITY)
        .order_by("created_at", "id")[:MOST_IN_A_ROUND]
    )


def _section(kind: str, lines: list[str]) -> str:
    more = len(lines) - MOST_IN_A_ROUND
    shown = lines[:MOST_IN_A_ROUND] + ([f"and {more} more"] if more > 0 else [])
    return "\n".join([f"{kind}:", *shown])


def _rounds() -> QuerySet[BatchOperation]:
    return BatchOperation.objects.of_type(WATCH).filter(status=Status.FINISHED)


def _told() -> set[str]:
    """Return the lines that earlier rounds have reported."""
    outputs = _rounds().values_list("output_data", flat=True)
    reported = (lines for output in outputs for lines in read_object(output).values())
    return {
        line
        for lines in reported
        if isinstance(lines, list)
        for line in lines
        if isinstance(line, str)
    }


def _since(record: BatchOperation) -> datetime:
    """Return the time since which ends may be unreported.

    An operation that ended after it may not have been reported yet.
    """
    last = _rounds().filter(created_at__lt=record.created_at).first()
    return (last or record).created_at - LATE_COMMITS
