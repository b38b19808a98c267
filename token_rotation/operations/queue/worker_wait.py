"""How long an operation has waited for workers of its parts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import router
from django.db.models import Count, Max, Q
from django.db.models.functions import Now

from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.options import option


@dataclass(frozen=True, slots=True)
class WorkerWait:
    """A wait for a worker.

    ``sent_again`` is the largest number of times that a waiting part was sent again.
    """

    since: datetime
    seconds: float
    sent_again: int

    def __str__(self) -> str:
        return f"no worker has taken a task for {self.seconds:.0f} s{self._resent}"

    @property
    def since_when(self) -> str:
        """The same words as long as the wait lasts."""
        return f"since {self.since:%Y-%m-%d %H:%M:%S}{self._resent}"

    @property
    def _resent(self) -> str:
        return "; lost messages were sent again" if self.sent_again else ""


def worker_wait(whole: BatchOperation) -> WorkerWait | None:
    """Return the wait of an operation whose parts have it as their context.

    None while a worker is at work on a part, or when no part is left. A part whose worker is silent
    for longer than the lease waits, too.
    """
    lease = timedelta(seconds=option("OPERATIONS_LEASE_SECONDS"))
    left = ~Q(status=Status.FINISHED)
    database = router.db_for_write(BatchOperation, instance=whole)
    parts = BatchOperation.objects.using(database).for_context(whole)
    found = parts.aggregate(
        left=Count("pk", filter=left),
        at_work=Count("pk", filter=left & Q(heartbeat_at__gte=Now() - lease)),
        sent_again=Max("sent_again", filter=left),
        beaten=Max("heartbeat_at"),
        ended=Max("finished_at"),
        read_at=Max(Now()),
    )
    if not found["left"] or found["at_work"]:
        return None
    times = (whole.heartbeat_at, whole.created_at, found["beaten"], found["ended"])
    since = max(time for time in times if time is not None)
    seconds = max(0.0, (found["read_at"] - since).total_seconds())
    return WorkerWait(since, seconds, found["sent_again"])
