"""A server in a model: batches, probes and an independent client, a millisecond at a time."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.clock import Clock
from token_rotation.pacing.budget.delays import NOBODY, quantile
from token_rotation.pacing.budget.queues import Sessions
from token_rotation.pacing.budget.traffic_budget import TrafficBudget

LARGEST_ROWS = 4000
ROWS_PER_SECOND = 130_000
SECONDS_PER_BATCH = 0.002
STEP_SECONDS = 0.001
TYPICAL_SECONDS = 0.0006
CLIENT_EVERY_STEPS = 3

Cost = Callable[[float, int], float]
"""The seconds that rows in flight add to a transaction, at most, at a time."""


def no_cost(_: float, __: int) -> float:
    return 0.0


def per_batch(seconds: float, begin: float = 0.0, end: float = float("inf")) -> Cost:
    """So many seconds at most for a largest batch in flight, and in proportion."""
    return lambda at, rows: seconds * rows / LARGEST_ROWS if begin <= at < end else 0.0


@dataclass
class Batch:
    rows: int
    began_at: float
    ends_at: float


@dataclass
class Process:
    """A process of the rotation with its workers; its clock is ahead of the server's."""

    budget: TrafficBudget
    clock: Clock
    ahead_seconds: float
    told: list[tuple[float, str]]
    at_work: list[Batch | None]
    free_at: list[float]
    answer_at: float | None = None
    probe_at: float = 0.0
    probe_fails: bool = False
    committed: list[tuple[float, int]] = field(default_factory=list)
    probed: list[float] = field(default_factory=list)

    def rows(self, begin: float, end: float) -> int:
        """The rows that committed between two times."""
        return sum(rows for at, rows in self.committed if begin <= at < end)

    def batch_rows(self, begin: float, end: float) -> int:
        """The rows of the largest batch that committed between two times."""
        return max(rows for at, rows in self.committed if begin <= at < end)

    def probes(self, begin: float, end: float) -> int:
        """The probes that ended between two times."""
        return sum(begin <= at < end for at in self.probed)


class ModelledServer:
    """Play processes against a server. Times are the server's, from 0."""

    def __init__(
        self, cost: Cost = no_cost, *, typical_seconds: float = TYPICAL_SECONDS, seed: int = 1
    ) -> None:
        self._cost = cost
        self._typical_seconds = typical_seconds
        self.others: Callable[[float], Sessions] = lambda _: NOBODY
        """Sessions of others that a probe meets at a time."""
        self._random = random.Random(seed)
        self.processes: list[Process] = []
        self.felt: list[tuple[float, float]] = []
        """When an independent client came, and what it waited longer."""

    def add(
        self,
        budget_ms: float,
        *,
        workers: int = 1,
        ahead_seconds: float = 0.0,
        probe_fails: bool = False,
    ) -> Process:
        clock, told = Clock(ahead_seconds), list[tuple[float, str]]()
        budget = TrafficBudget(
            budget_ms / 1000,
            largest_rows=LARGEST_ROWS,
            workers=workers,
            clock=clock,
            tell=lambda reason: told.append((clock.now - ahead_seconds, reason)),
        )
        process = Process(
            budget,
            clock,
            ahead_seconds,
            told,
            [None] * workers,
            [0.0] * workers,
            probe_fails=probe_fails,
        )
        self.processes.append(process)
        return process

    def play(self, seconds: float) -> None:
        for step in range(round(seconds / STEP_SECONDS)):
            now = step * STEP_SECONDS
            for process in self.processes:
                process.clock.now = now + process.ahead_seconds
                self._work(process, now)
                self._probe(process, now)
            if step % CLIENT_EVERY_STEPS == 0:
                self.felt.append((now, self._added(now)))

    def felt_seconds(self, begin: float, end: float, part: float = 0.95) -> float:
        """What the client waited longer between two times, at a percentile."""
        return quantile((added for at, added in self.felt if begin <= at < end), part)

    def _added(self, now: float) -> float:
        batches = [batch for process in self.processes for batch in process.at_work]
        rows = sum(batch.rows for batch in batches if batch is not None)
        return self._random.random() * self._cost(now, rows)

    def _work(self, process: Process, now: float) -> None:
        for worker, batch in enumerate(process.at_work):
            if batch is not None and now >= batch.ends_at:
                process.budget.batch_ends(batch.began_at)
                process.committed.append((now, batch.rows))
                process.at_work[worker] = None
            if process.at_work[worker] is None and now >= process.free_at[worker]:
                self._begin(process, worker, now)

    def _begin(self, process: Process, worker: int, now: float) -> None:
        wait_seconds = process.budget.wait_seconds(worker)
        if wait_seconds is not None:
            process.free_at[worker] = now + wait_seconds
            return
        rows = process.budget.rows if process.budget.is_on else LARGEST_ROWS
        ends_at = now + SECONDS_PER_BATCH + rows / ROWS_PER_SECOND
        process.at_work[worker] = Batch(rows, process.budget.batch_begins(), ends_at)

    def _probe(self, process: Process, now: float) -> None:
        if process.answer_at is not None and now >= process.answer_at:
            process.answer_at = None
            process.probed.append(now)
            process.probe_at = now + process.budget.probe_ends(now, self.others(now))
        if process.answer_at is None and now >= process.probe_at:
            process.budget.probe_begins()
            if process.probe_fails:
                process.budget.probe_failed()
                process.probe_at = now + 1.0
                return
            usual = self._random.lognormvariate(0, 0.5) * self._typical_seconds
            process.answer_at = now + usual + self._added(now)
