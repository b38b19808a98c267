"""The pace of a job: the traffic budget and the brakes of a rotation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from token_rotation.jobs.job import Job
from token_rotation.operations.models import BatchOperation
from token_rotation.pacing.budget.probe import Probe
from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.pacing.pace import Pace, PaceListener
from token_rotation.pacing.throttle import LOOK_AGAIN_SECONDS, Throttle, Wait
from token_rotation.sql.server.probe import probe

JOB_WAITS = "job"


class JobPace:
    """Items of the next batch, and the wait before it. Serves one thread."""

    def __init__(self, job: Job, database: str) -> None:
        self._job = job
        self._budget = TrafficBudget(
            job.traffic_budget_ms / 1000,
            largest_rows=job.batch_items,
            workers=1,
            clock=time.monotonic,
            tell=job.logger.debug,
        )
        self._throttle = Throttle(clock=time.monotonic, budget=self._budget)
        self._listener = PaceListener(self._change)
        record = BatchOperation._meta
        query = probe(record.db_table, str(record.pk.column))
        self._probe = Probe(database, query, self._budget)
        self.is_paused = False

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure what others feel, while inside."""
        self._probe.begin()
        try:
            yield
        finally:
            self._probe.close()

    @property
    def items(self) -> int:
        return min(self._job.batch_items, self._throttle.batch_rows(self._job.batch_items))

    def next_wait(self) -> Wait | None:
        """Return the wait before the next batch, None where it may begin."""
        wait = self._throttle.next_wait()
        if wait is not None:
            return wait
        reason = self._job.throttle_on()
        return Wait(LOOK_AGAIN_SECONDS, JOB_WAITS, reason) if reason else None

    @contextmanager
    def batch(self) -> Iterator[None]:
        with self._throttle.batch():
            yield

    def hear(self, word: object) -> None:
        """Take a change of pace that somebody asked for."""
        self._listener.hear(word)

    def _change(self, pace: Pace) -> None:
        self.is_paused = pace.paused
        self._throttle.change(pace)
