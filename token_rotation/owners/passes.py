"""Pass after pass over the pending rows, until no owner is left."""

from __future__ import annotations

from typing import Any

from django.db.models import Max

from token_rotation.jobs.run import Watcher, run_here
from token_rotation.jobs.state import JobState
from token_rotation.owners.job import REFUSED, TOLD, TellOwners
from token_rotation.stop import StopSignal


def tell_all(job: TellOwners, *, stop: StopSignal, workers: int, watcher: Watcher) -> JobState:
    """Tell everybody whose token was rotated before this began.

    A row that commits behind the cursor is found by the next pass. A pass that tells nobody is the
    last; return its state. Raises as ``run_job``.
    """
    newest = _newest(job)
    while True:
        before = _settled(job)
        ended = run_here(job, stop=stop, workers=workers, watcher=watcher)
        is_last = _settled(job) == before or not _is_left(job, newest)
        if is_last or not ended.is_complete:
            return ended.state


def _settled(job: TellOwners) -> int:
    return job.tally[TOLD] + job.tally[REFUSED]


def _newest(job: TellOwners) -> Any:
    return job.collection().aggregate(newest=Max(job.notice.rotated))["newest"]


def _is_left(job: TellOwners, newest: Any) -> bool:
    rotated = f"{job.notice.rotated}__lte"
    return newest is not None and job.collection().filter(**{rotated: newest}).exists()
