"""Watch over the operations: send those again that nobody runs any more, report what went wrong.

Each round is an operation itself; what it reported is its ``output_data``, so that no round reports
anything twice and a failure whose alert was lost is still told of.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from tickets.batch.alerts import mail, reason, tell
from tickets.batch.claim import WAITING
from tickets.batch.dispatch import send, visibility_timeout_seconds
from tickets.batch.errors import StatusChangeError, UnavailableError
from tickets.batch.lifecycle import Result, Status
from tickets.batch.models import BatchOperation
from tickets.batch.options import option
from tickets.batch.registry import registry
from tickets.batch.signals import operations_watched

WATCH = "tickets.batch.watch"
MOST_IN_A_ROUND = 100
# A transaction that finishes an operation may be committed after a round that should have seen it.
LATE_COMMITS = timedelta(hours=1)
KEPT_FOR = timedelta(days=2)

logger = logging.getLogger(__name__)

Report = dict[str, list[str]]


def watch(key: UUID | None = None) -> BatchOperation | None:
    """One round; its record, or None when the round of this key has been made or is being made.

    A round that dies before it has reported leaves its findings to the next one.
    """
    record = BatchOperation.objects.create_asynchronous(WATCH, key=key)
    try:
        record.mark_as_running()
    except StatusChangeError:
        return None
    told = _told()
    report = {"sent again": _send_again(), **_troubles(record)}
    news = {kind: [line for line in report[kind] if line not in told] for kind in report}
    if any(news.values()):
        text = "\n\n".join(_section(kind, lines) for kind, lines in news.items() if lines)
        logger.error("batch operations need a look: %s", text)
        mail("batch operations need a look", text)
    # After the report: told twice is better than never.
    record.finish(output_data={**news, "sent again": report["sent again"]})
    tell(operations_watched)
    # Rounds that have died, too.
    old = BatchOperation.objects.of_type(WATCH).filter(created_at__lt=record.created_at - KEPT_FOR)
    old.delete()
    return record


def _send_again() -> list[str]:
    """Give operations to the workers again that were sent once and that nobody has.

    Too often does no harm: whoever comes second finds the operation held or finished.
    """
    lines = []
    for operation in _left_over():
        try:
            send(operation, registry.get(operation.operation_type))
            lines.append(f"{operation}")
        except UnavailableError as error:
            lines.append(f"{operation} could not be: {error}")
            break
    return lines


def _left_over() -> QuerySet[BatchOperation]:
    lease = timedelta(seconds=option("BATCH_LEASE_SECONDS"))
    pause = timedelta(seconds=option("BATCH_RETRY_BACKOFF_MAX_SECONDS"))
    dead = ~Q(runner__in=["", WAITING]) & Q(heartbeat_at__lt=Now() - lease)
    forgotten = Q(runner=WAITING, heartbeat_at__lt=Now() - lease - pause)
    running = Q(status=Status.RUNNING) & (dead | forgotten)
    return BatchOperation.objects.filter(
        running | _overdue(), operation_type__in=registry.names()
    ).order_by("created_at", "id")[:MOST_IN_A_ROUND]


def _overdue() -> Q:
    """Not started, though no countdown lasts that long: nobody works, or the task was lost.

    A long queue is not lost as long as those are started that were created before.
    """
    long_ago = Now() - timedelta(seconds=visibility_timeout_seconds())
    ahead_in_the_queue = BatchOperation.objects.filter(
        operation_type=OuterRef("operation_type"),
        created_at__lte=OuterRef("created_at"),
        started_at__gte=long_ago,
    )
    return Q(status=Status.UNPROCESSED, created_at__lt=long_ago) & Q(~Exists(ahead_in_the_queue))


def _section(kind: str, lines: list[str]) -> str:
    more = len(lines) - MOST_IN_A_ROUND
    shown = lines[:MOST_IN_A_ROUND] + ([f"and {more} more"] if more > 0 else [])
    return "\n".join([f"{kind}:", *shown])


def _rounds() -> QuerySet[BatchOperation]:
    return BatchOperation.objects.of_type(WATCH).filter(status=Status.FINISHED)


def _told() -> set[str]:
    """The lines that earlier rounds have reported."""
    outputs = _rounds().values_list("output_data", flat=True)
    return {line for output in outputs for lines in (output or {}).values() for line in lines}


def _troubles(record: BatchOperation) -> Report:
    """What is wrong now, and what has failed since the last round or so; a line each."""
    last = _rounds().filter(created_at__lt=record.created_at).first()
    since = (last or record).created_at - LATE_COMMITS
    silent_for = timedelta(seconds=option("BATCH_STALLED_SECONDS"))
    stalled = BatchOperation.objects.stalled(silent_for).exclude(operation_type=WATCH)
    failed = BatchOperation.objects.filter(
        status=Status.FINISHED, result=Result.FAILED, finished_at__gte=since
    ).order_by("finished_at")
    overdue = BatchOperation.objects.filter(_overdue(), operation_type__in=registry.names())
    return {
        "stalled": [f"{each}: silent since {each.heartbeat_at}" for each in stalled.iterator()],
        "failed": [f"{each}: {reason(each)}" for each in failed.iterator()],
        "not started": [f"{each}: waits since {each.created_at}" for each in overdue.iterator()],
    }
