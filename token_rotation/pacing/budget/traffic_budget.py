"""The budget of a rotation: how much longer others' transactions may take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from threading import Lock

from token_rotation.pacing.budget.controller import BudgetController, Decision
from token_rotation.pacing.budget.delays import NOBODY, Delay
from token_rotation.pacing.budget.intensity import Intensity
from token_rotation.pacing.budget.queues import Sessions
from token_rotation.pacing.budget.rest_slots import RestSlots
from token_rotation.pacing.budget.statement_times import Totals

FIRST_ROWS = 200
PROBE_EVERY_SECONDS = 0.08
PROBE_WHILE_ALONE_SECONDS = 0.125
"""While no probe of the last half minute met a session of others."""
PROBE_AT_FULL_SPEED_SECONDS = 0.33
"""The same, once nothing can grow. The first that meets one is answered within a second still."""
PROBE_AT_REST_SECONDS = 0.02
LOOK_AGAIN_SECONDS = 0.02
LATE_SECONDS = 0.1
"""A probe that has no answer for so long is counted before it ends."""
BLIND_AFTER_SECONDS = 3.0
LATELY_SECONDS = 60.0
"""A VACUUM is gentle for so long after others felt the rotation."""


class TrafficBudget:
    """What all workers of a process may do for now. Any number of threads may use it.

    It hears when batches and probes begin and end, and answers how many rows the next batch takes,
    and how long a worker rests. A ``budget_seconds`` of 0 holds nothing back.
    """

    def __init__(
        self,
        budget_seconds: float,
        *,
        largest_rows: int,
        workers: int,
        clock: Callable[[], float],
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._clock = clock
        self._tell = tell
        self._lock = Lock()
        self._intensity = Intensity(largest_rows=largest_rows, workers=workers)
        self._intensity.begin_at(FIRST_ROWS)
        self._controller = BudgetController(self._intensity, budget_seconds)
        self._slots = RestSlots(clock())
        self._batches = 0
        self._batch_at = self._rest_until = self._began_at = clock()
        self._probe_at: float | None = None
        self._felt_at = -math.inf

    @property
    def is_on(self) -> bool:
        return self._controller.budget_seconds > 0

    @property
    def rows(self) -> int:
        """The most rows of the next batch."""
        return self._intensity.actuators.rows

    @property
    def tight_because(self) -> str:
        """Return what holds the work back, "" for nothing.

        It is the delay of others, or that it is not known.
        """
        with self._lock:
            if not self.is_on or self._intensity.is_full:
                return ""
            return self._controller.tight_because

    @property
    def meets_traffic(self) -> bool:
        """Return True where others are at work, or were, and felt the rotation lately.

        Also where that cannot be told, but not in the first seconds.
        """
        now = self._clock()
        with self._lock:
            self._look(now)
            are_there = self._controller.felt.are_others_at_work(now)
            is_blind = self._controller.is_blind and now - self._began_at > BLIND_AFTER_SECONDS
            may_be_there = is_blind and not self._controller.felt.met_nobody(now)
        lately = now - self._felt_at < LATELY_SECONDS
        return self.is_on and (are_there or may_be_there or lately)

    @property
    def may_meet_traffic(self) -> bool:
        """Return True also while it is not known.

        Where probes met nobody for half a minute, what delays them is the rotation's own work.
        """
        if self.meets_traffic:
            return True
        with self._lock:
            met_nobody = self._controller.felt.met_nobody(self._clock())
        return bool(self.tight_because) and not met_nobody

    def change(self, budget_seconds: float) -> None:
        with self._lock:
            self._controller.budget_seconds = budget_seconds

    def batch_begins(self) -> float:
        with self._lock:
            self._batches += 1
            self._batch_at = self._clock()
            return self._batch_at

    def batch_ends(self, began_at: float) -> None:
        with self._lock:
            now = self._clock()
            self._batches -= 1
            self._batch_at = now
            self._slots.worked(now - began_at)
            rest = self._intensity.actuators.rest if self.is_on else 0.0
            self._rest_until = max(self._rest_until, now + rest * (now - began_at))

    def wait_seconds(self, rank: int = 0) -> float | None:
        """Return how long the worker of a rank waits before it asks again; None: it may work."""
        with self._lock:
            if not self.is_on:
                return None
            now = self._clock()
            if self._slots.is_on(now):
                return LOOK_AGAIN_SECONDS
            self._look(now)
            if rank >= self._intensity.actuators.workers:
                return LOOK_AGAIN_SECONDS
            if self._rest_until > now:
                return self._rest_until - now
            return None

    def probe_begins(self) -> float:
        with self._lock:
            self._probe_at = self._clock()
            return self._probe_at

    def probe_ends(self, server_seconds: float, others: Sessions = NOBODY) -> float:
        """Take a probe that has ended, and saw others; return the seconds until the next."""
        with self._lock:
            now, began_at = self._clock(), self._probe_at or self._clock()
            self._probe_at = None
            if self._slots.sync(server_seconds, began_at, now):
                self._tell("The server's clock has stepped; resting at its new times.")
            delay = Delay(began_at, now - began_at, others)
            is_idle = not self._batches and self._batch_at <= began_at
            if self._slots.is_on(now):
                if is_idle and self._slots.counts(began_at):
                    self._controller.felt.add(delay, at_rest=True, is_first=self._slots.is_first)
                    self._slots.probed()
            else:
                self._controller.felt.add(delay, at_rest=False)
                self._decide(now, 0.0)
            return self._seconds_to_next(now)

    def _seconds_to_next(self, now: float) -> float:
        """Probe seldom while nobody is met: it costs, and spares nobody.

        A rest lasts until its probes have ended, so none of them is late.
        """
        to_rest = self._slots.seconds_to_probe(now)
        if self._slots.is_on(now):
            return max(PROBE_AT_REST_SECONDS, to_rest)
        self._slots.is_alone = self._controller.felt.met_nobody(now)
        if not self._slots.is_alone:
            return min(PROBE_EVERY_SECONDS, to_rest)
        seldom = self._intensity.is_full
        return min(PROBE_AT_FULL_SPEED_SECONDS if seldom else PROBE_WHILE_ALONE_SECONDS, to_rest)

    def probe_failed(self) -> None:
        with self._lock:
            self._probe_at = None

    @property
    def is_at_rest(self) -> bool:
        """Return True while all rest, here and elsewhere."""
        with self._lock:
            now = self._clock()
            counts = self._slots.is_on(now) and self._slots.counts(now)
            return counts and not (self._slots.is_first or self._batches)

    @property
    def begins_anew(self) -> bool:
        """Return True where what pg_stat_statements counts next ends no interval."""
        return self._controller.felt.begins_anew

    def read_statements(self, totals: Mapping[int, Totals], *, at_rest: bool) -> None:
        """Take what pg_stat_statements counts, at the end of a rest or of a time between two."""
        with self._lock:
            self._controller.felt.read_statements(self._clock(), totals, at_rest=at_rest)

    def _look(self, now: float) -> None:
        """Decide also while a probe has no answer."""
        if self._probe_at is None or self._slots.is_on(now):
            return
        in_flight_seconds = now - self._probe_at
        if in_flight_seconds > LATE_SECONDS:
            self._decide(now, in_flight_seconds)

    def _decide(self, now: float, in_flight_seconds: float) -> None:
        decision: Decision | None = None
        if self.is_on:
            decision = self._controller.decide(now, in_flight_seconds)
            is_felt = not self._controller.is_blind and self._controller.tight_because
            if is_felt and not self._controller.felt.met_nobody(now):
                self._felt_at = now
        if decision is not None:
            self._tell(decision.reason)
