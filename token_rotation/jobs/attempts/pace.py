"""The pace of a job: the traffic budget, the gates and the brakes of a rotation."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from token_rotation.jobs.job import Job
from token_rotation.operations.models import BatchOperation
from token_rotation.pacing.budget.probe import Probe
from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.pacing.gates.signals import signals_of
from token_rotation.pacing.pace import Pace, PaceListener
from token_rotation.pacing.throttle import LOOK_AGAIN_SECONDS, Throttle, Wait
from token_rotation.postgres.connection import Connection
from token_rotation.sql.server.probe import probe

JOB_WAITS = "job"


class JobPace:
    """The pace of all workers of a process; any number of threads may use it."""

    def __init__(self, job: Job, database: str, *, workers: int = 1) -> None:
        self.database = database
        self.is_paused = False
        budget = TrafficBudget(
            job.traffic_budget_ms / 1000,
            largest_rows=job.batch_items,
            workers=workers,
            clock=time.monotonic,
            tell=job.logger.debug,
        )
        self.throttle = Throttle(
            clock=time.monotonic,
            pause_seconds=job.pause_seconds,
            max_rows_per_second=job.max_items_per_second,
            signals=signals_of(job.gate_options()),
            budget=budget,
        )
        record = BatchOperation._meta
        query = probe(record.db_table, str(record.pk.column))
        self._probe = Probe(database, query, budget)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure what others feel, while inside."""
        self._probe.begin()
        try:
            yield
        finally:
            self._probe.close()

    def change(self, pace: Pace) -> None:
        """Take a change of pace that somebody asked for."""
        self.is_paused = pace.paused
        self.throttle.change(pace)


class WorkerPace:
    """Items of a worker's next batch, and the wait before it. Serves one thread."""

    def __init__(self, job: Job, pace: JobPace, *, rank: int = 0) -> None:
        self._job = job
        self._pace = pace
        self._rank = rank
        self._listener = PaceListener(pace.change)
        self._connection = Connection(pace.database)  # opens for a gate alone

    @property
    def is_paused(self) -> bool:
        return self._pace.is_paused

    @property
    def items(self) -> int:
        return self._pace.throttle.batch_rows(self._job.batch_items)

    def next_wait(self) -> Wait | None:
        """Return the wait before the next batch, None where it may begin.

        Raises Django's database errors where a gate cannot be read, and NotReadyError.
        """
        with connections[self._pace.database].wrap_database_errors:
            wait = self._pace.throttle.next_wait(self._connection, self._rank)
        if wait is not None:
            return wait
        reason = self._job.throttle_on()
        return Wait(LOOK_AGAIN_SECONDS, JOB_WAITS, reason) if reason else None

    @contextmanager
    def batch(self) -> Iterator[None]:
        """A batch is at work while inside."""
        with self._pace.throttle.batch():
            yield

    def batch_done(self, items: int, began_at: float) -> None:
        """Let stored items count towards the rate."""
        self._pace.throttle.batch_done(items, began_at)

    def hear(self, word: object) -> None:
        """Take a change of pace that somebody asked for."""
        self._listener.hear(word)

    def close(self) -> None:
        self._connection.close()
