"""Look at all operations: send lost ones again, report problems.

Each round is an operation itself. Its ``output_data`` holds what it reported, so that no round
reports anything twice, and a failure whose alert was lost is still reported.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from uuid import UUID

from django.db import router

from token_rotation.operations.errors import StatusChangeError
from token_rotation.operations.failures.alerts import mail, tell
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.record.queryset import BatchOperationQuerySet
from token_rotation.operations.signals import operation_unfinished, operations_watched
from token_rotation.operations.stored_output import read_object
from token_rotation.operations.watching.resend import resend
from token_rotation.operations.watching.troubles import WATCH, troubles
from token_rotation.postgres.transaction_settings import without_standby

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
    database = router.db_for_write(BatchOperation)
    with without_standby(database):
        record = BatchOperation.objects.create_asynchronous(WATCH, key=key)
        try:
            record.mark_as_running()
        except StatusChangeError:
            return None
    told = _told()
    sent = resend().said
    found = troubles(since=_since(record))
    new = {kind: [each for each in found[kind] if str(each) not in told] for kind in found}
    lines = {kind: [str(each) for each in new[kind]] for kind in new}
    _report({"sent again": [line for line in sent if line not in told], **lines})
    for each in new["unfinished"]:
        tell(operation_unfinished, operation=each.operation, reason=each.reason)
    with without_standby(database):
        # After the report: reported twice is better than never.
        record.finish(output_data={"sent again": sent, **lines})
        _delete_old(record)
    tell(operations_watched)
    return record


def _delete_old(record: BatchOperation) -> None:
    """Delete old rounds, also those that have died."""
    old = BatchOperation.objects.of_type(WATCH).filter(created_at__lt=record.created_at - KEPT_FOR)
    old.delete()


def _report(news: dict[str, list[str]]) -> None:
    if any(news.values()):
        text = "\n\n".join(_section(kind, lines) for kind, lines in news.items() if lines)
        logger.error("operations need a look: %s", text)
        mail("operations need a look", text)


def _section(kind: str, lines: list[str]) -> str:
    more = len(lines) - MOST_IN_A_ROUND
    shown = lines[:MOST_IN_A_ROUND] + ([f"and {more} more"] if more > 0 else [])
    return "\n".join([f"{kind}:", *shown])


def _rounds() -> BatchOperationQuerySet:
    return BatchOperation.objects.of_type(WATCH).filter(status=Status.FINISHED)


def _told() -> set[str]:
    """Return the lines that earlier rounds have reported."""
    outputs = (each.output_data for each in _rounds().readable())
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
    earlier = _rounds().filter(created_at__lt=record.created_at)
    last = earlier.values_list("created_at", flat=True).first()
    return (last or record.created_at) - LATE_COMMITS
