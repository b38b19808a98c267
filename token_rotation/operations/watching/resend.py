"""Send operations again whose message or worker was lost.

A message too many does no harm: the claim decides which attempt runs. Nor does a long queue fill up
with them: as many are sent as the queue lacks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Event

from django.db.models import F, Q

from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import UnavailableError
from token_rotation.operations.failures.time_limit import is_time_limit
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import (
    ensure_broker,
    messages_in,
    queue_of,
    queues,
    send,
)
from token_rotation.operations.record.resend_time import resend_at
from token_rotation.operations.watching.left_over import certain, expected, records, sent_by
from token_rotation.postgres.transaction_settings import without_standby

MOST_IN_A_ROUND = 100
CONFIRMED_AFTER_SECONDS = 1.0
OLDEST_FIRST = ("created_at", "id")
# Nothing that may be unreadable.
COLUMNS = (
    "operation_type",
    "group_name",
    "route",
    "status",
    "heartbeat_at",
    "send_again_at",
    "sent_again",
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Resent:
    """What was sent again, a line for each operation; why the rest could not be."""

    lines: tuple[str, ...]
    unavailable: str | None = None

    @property
    def said(self) -> list[str]:
        rest = f"the rest could not be: {self.unavailable}"
        return [*self.lines, *([rest] if self.unavailable else [])]


def resend() -> Resent:
    """Send lost operations again.

    Any number of processes may call this at once: one of them sends each operation. What cannot be
    sent because the broker does not answer is found by the next call.
    """
    lines: list[str] = []
    with without_standby(records().db):
        for route in queues():
            try:
                lines += _send_each(_lost(route, sent_by(route)))
            except UnavailableError as error:
                return Resent(tuple(lines), str(error))
    return Resent(tuple(lines))


def _lost(route: str, sent: Q) -> list[BatchOperation]:
    """Return what was lost on the way through the route's queue.

    Raises UnavailableError where the broker cannot be asked and something may be lost.
    """
    lost = list(certain(sent).only(*COLUMNS).order_by(*OLDEST_FIRST)[:MOST_IN_A_ROUND])
    if lost:
        ensure_broker()
    missing = _missing(route, sent)
    if missing:
        Event().wait(CONFIRMED_AFTER_SECONDS)  # time.sleep() fails under libfaketime
        still = {each.pk for each in _missing(route, sent)}
        lost += [each for each in missing if each.pk in still and each not in lost]
    return lost


def _missing(route: str, sent: Q) -> list[BatchOperation]:
    """Return as many of the late operations, the oldest, as the queue lacks messages.

    Or more: a worker may have taken a message, and begin the operation in this moment.
    """
    late = expected(sent)
    if not late.exists():
        return []
    there = messages_in(queue_of(route))  # before the count, so that fewer seem to be missing
    if there is None:  # nobody can count: all count as there
        return []
    missing = min(MOST_IN_A_ROUND, max(0, late.count() - there))
    return list(late.only(*COLUMNS).order_by(*OLDEST_FIRST)[:missing])


def _send_each(lost: Iterable[BatchOperation]) -> list[str]:
    """Send them; raises UnavailableError when the broker is lost meanwhile."""
    lines = []
    for operation in lost:
        try:
            if _is_ours(operation):
                send(operation, registry.group_of(operation))
                lines.append(f"{operation}")
        except UnavailableError:
            raise
        except Exception as error:  # whatever is wrong with this one, the others are sent
            if is_time_limit(error):
                raise
            logger.exception("%s was not sent again", operation)
            lines.append(f"{operation} could not be: {type(error).__qualname__}")
    return lines


def _is_ours(operation: BatchOperation) -> bool:
    """Return True for one process of all that want to send it, until the next time is due."""
    seen = {name: getattr(operation, name) for name in COLUMNS}
    unchanged = records().filter(pk=operation.pk, **seen)
    next_time = resend_at(sent_again=operation.sent_again + 1)
    return unchanged.update(send_again_at=next_time, sent_again=F("sent_again") + 1) == 1
