"""When a message that nobody took counts as lost."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Now

from token_rotation.operations.options import option

MOST_DOUBLINGS = 20


def resend_at(wait_seconds: float = 0, *, sent_again: int = 0) -> CombinedExpression:
    """Return the time, by the database's clock, to send the message again.

    It may wait for ``wait_seconds`` by itself. Each time that it was sent again doubles the pause,
    up to the lease.
    """
    first = option("OPERATIONS_RESEND_SECONDS")
    longest = max(first, option("OPERATIONS_LEASE_SECONDS"))
    pause = min(longest, first * 2 ** min(sent_again, MOST_DOUBLINGS))
    return Now() + timedelta(seconds=wait_seconds + pause)
