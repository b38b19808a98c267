"""Steer a rotation by the delay that it adds to a short transaction."""

from __future__ import annotations

import math
from dataclasses import dataclass

from token_rotation.pacing.budget.added_delay import Added, AddedDelay
from token_rotation.pacing.budget.intensity import Intensity
from token_rotation.pacing.budget.queues import Queue

GROW_BELOW = 0.6
SHED_ABOVE = 1.0
HALVE_ABOVE = 2.0
"""In budgets. Between the first two the level is held."""

GROWTH = 1.5
GENTLE_GROWTH = 1.15
SHED = 0.75
LEAST_FACTOR = 0.25

GROW_EVERY_SECONDS = 0.25
SHED_EVERY_SECONDS = 0.3
"""A change must be able to show before the next one."""
NEAR_FOR_SECONDS = 10.0
FREE_BELOW = 0.2
"""For so long after shedding, growth near the level that was too much is gentle, unless the delay
is hardly felt any more."""


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of intensity with its reason, for people."""

    factor: float
    reason: str


class BudgetController:
    """Decides on the intensity by what the rotation adds to others' transactions.

    Growth needs it below ``budget_seconds``, and no queue of others' sessions. While ``felt`` is
    blind it grows no more.
    """

    def __init__(self, intensity: Intensity, budget_seconds: float) -> None:
        self._intensity = intensity
        self.budget_seconds = budget_seconds
        self.felt = AddedDelay()
        self._changed_at = -math.inf
        self._too_much: tuple[float, float] = (math.inf, -math.inf)
        self._added: Added | None = None
        self._queue: Queue | None = None

    @property
    def is_blind(self) -> bool:
        """Return True while nothing is known of what is added."""
        return self._added is None

    @property
    def tight_because(self) -> str:
        """Return why the last probes, or the lack of them, forbid growth; "" where they do not."""
        added = self._added
        if added is None:
            return self.felt.blind_because
        is_free = added.seconds < GROW_BELOW * self.budget_seconds
        return "" if is_free and not self._is_queued else self._reason(added)

    @property
    def _is_queued(self) -> bool:
        return self._queue is not None and self._queue.part > 1

    def _reason(self, added: Added) -> str:
        return str(self._queue) if self._is_queued else added.of(self.budget_seconds)

    def decide(self, now: float, in_flight_seconds: float = 0.0) -> Decision | None:
        """Change the intensity where it is time; return what was changed and why.

        ``in_flight_seconds`` is the age of a probe without an answer: an overload may last longer
        than the time to answer to it.
        """
        too_late_seconds = HALVE_ABOVE * self.budget_seconds
        added = self.felt.measure(now, in_flight_seconds, too_late_seconds=too_late_seconds)
        self._added = added
        if added is None:
            return None
        self._queue = self.felt.queue(now)
        used = added.seconds / self.budget_seconds
        if self._is_queued:
            used = max(used, self._queue.part)
        since = now - self._changed_at
        if used > SHED_ABOVE and since >= SHED_EVERY_SECONDS and not self._intensity.is_least:
            return self._shed(now, used, added)
        may_grow = not (self._intensity.is_full or self.felt.forbids_growth(now))
        if used < GROW_BELOW and since >= GROW_EVERY_SECONDS and may_grow:
            return self._grow(now, used, added)
        return None

    def _shed(self, now: float, used: float, added: Added) -> Decision:
        self._too_much = (self._intensity.level, now)
        self.felt.clear_beside(now)
        return self._change(now, max(LEAST_FACTOR, min(SHED, SHED / used)), added)

    def _grow(self, now: float, used: float, added: Added) -> Decision:
        level, at = self._too_much
        is_near = self._intensity.level + math.log2(GROWTH) >= level
        is_gentle = is_near and now - at < NEAR_FOR_SECONDS and used > FREE_BELOW
        return self._change(now, GENTLE_GROWTH if is_gentle else GROWTH, added)

    def _change(self, now: float, factor: float, added: Added) -> Decision:
        self._intensity.multiply(factor)
        self._changed_at = now
        what = "more" if factor > 1 else "less"
        rows = self._intensity.actuators.rows
        return Decision(factor, f"{self._reason(added)}: {what}, {rows:,} rows a batch")
