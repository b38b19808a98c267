"""Steer a rotation by the delay that it adds to a short transaction."""

from __future__ import annotations

import math
from dataclasses import dataclass

from token_rotation.pacing.budget.delays import Delay, DelayWindow, quantile
from token_rotation.pacing.budget.intensity import Intensity

BASE_SECONDS = 30.0
"""Delays of rests are compared for so long."""
FEWEST_AT_REST = 8
RECENT_SECONDS = 1.0
FEWEST_RECENT = 4
STEADY_SECONDS = 6.0
FEWEST_STEADY = 20

TAIL = 3.0
"""Delays beyond the usual fall off about exponentially: the 95th percentile is thrice the mean."""
HIGH_PART = 0.95

GROW_BELOW = 0.6
SHED_ABOVE = 1.0
HALVE_ABOVE = 2.0
"""In budgets. Between the first two the level is held."""

QUEUE_TIMES, QUEUE_MORE = 2.0, 2.0
"""Others queue where so many times as many of their sessions are at work as at rest, and so many
more: a pool of connections that is used up makes all wait, though each statement is short."""

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
    """Decides on the intensity by probes.

    A probe in a rest tells what the server takes by itself; all others tell what people feel beside
    the rotation. What it adds is the larger of two: thrice the mean excess of the last second,
    which hears an overload at once, and the difference of the 95th percentiles since the last
    shedding, which hears rare long delays. Growth needs both below ``budget_seconds``. A queue of
    others' sessions is too much as well.

    Without enough readings it is blind: it grows no more, and says why.
    """

    def __init__(self, intensity: Intensity, budget_seconds: float) -> None:
        self._intensity = intensity
        self.budget_seconds = budget_seconds
        self._at_rest = DelayWindow(BASE_SECONDS)
        self._beside = DelayWindow(STEADY_SECONDS)
        self._first_at_rest = 0
        self._changed_at = -math.inf
        self._too_much: tuple[float, float] = (math.inf, -math.inf)
        self.added_seconds: float | None = None
        self._queued: tuple[float, float] = (0.0, 0.0)
        self.blind_because: str | None = "too few probes"

    @property
    def tight_because(self) -> str:
        """Return why the last probes, or the lack of them, forbid growth; "" where they do not."""
        if self.added_seconds is None:
            return self.blind_because or ""
        is_free = self.added_seconds < GROW_BELOW * self.budget_seconds
        return "" if is_free and self._queue() <= 1 else self._felt(self.added_seconds)

    def _felt(self, added_seconds: float) -> str:
        if self._queue() > 1:
            beside, at_rest = self._queued
            return f"{beside:.1f} sessions at work, {at_rest:.1f} in the rests"
        return f"probe +{added_seconds * 1000:.1f} ms of {self.budget_seconds * 1000:g}"

    def _queue(self) -> float:
        """Return others' sessions at work, as a part of how many are too many."""
        beside, at_rest = self._queued
        return beside / (QUEUE_TIMES * at_rest + QUEUE_MORE)

    def add(self, delay: Delay, *, at_rest: bool, is_first: bool = False) -> None:
        """Take a probe that has ended.

        Those of the first rest count until later ones are enough: workers elsewhere may have been
        at work.
        """
        if not at_rest:
            self._beside.add(delay)
            return
        self._at_rest.add(delay)
        self._first_at_rest += is_first
        if self._first_at_rest and len(self._at_rest) - self._first_at_rest >= FEWEST_AT_REST:
            self._at_rest.drop(self._first_at_rest)
            self._first_at_rest = 0

    def decide(self, now: float, in_flight_seconds: float = 0.0) -> Decision | None:
        """Change the intensity where it is time; return what was changed and why.

        ``in_flight_seconds`` is the age of a probe without an answer: an overload may last longer
        than the time to answer to it.
        """
        added = self._added(now, in_flight_seconds)
        self.added_seconds = added
        if added is None:
            return None
        self._queued = (
            self._beside.mean_busy_sessions(now, RECENT_SECONDS),
            self._at_rest.mean_busy_sessions(now),
        )
        used = added / self.budget_seconds
        if self._queue() > 1:
            used = max(used, self._queue())
        since = now - self._changed_at
        if used > SHED_ABOVE:
            return self._shed(now, used) if since >= SHED_EVERY_SECONDS else None
        if used < GROW_BELOW and since >= GROW_EVERY_SECONDS and not self._intensity.is_full:
            return self._grow(now, used)
        return None

    def _added(self, now: float, in_flight_seconds: float) -> float | None:
        at_rest = self._at_rest.seconds(now)
        recent = self._beside.seconds(now, RECENT_SECONDS)
        if len(at_rest) < FEWEST_AT_REST:
            self.blind_because = "too few probes at rest"
            return None
        base = quantile(at_rest, HIGH_PART)
        mean_at_rest = sum(at_rest) / len(at_rest)
        late = in_flight_seconds - base - HALVE_ABOVE * self.budget_seconds
        if late > 0:
            self.blind_because = None
            return in_flight_seconds - base
        if len(recent) < FEWEST_RECENT:
            self.blind_because = "too few probes"
            return None
        self.blind_because = None
        excess = max(0.0, sum(recent) / len(recent) - mean_at_rest)
        added = TAIL * excess
        steady = self._beside.seconds(now)
        if len(steady) >= FEWEST_STEADY:
            added = max(added, quantile(steady, HIGH_PART) - base)
        return added

    def _shed(self, now: float, used: float) -> Decision | None:
        if self._intensity.is_least:
            return None
        self._too_much = (self._intensity.level, now)
        return self._change(now, max(LEAST_FACTOR, min(SHED, SHED / used)))

    def _grow(self, now: float, used: float) -> Decision:
        level, at = self._too_much
        is_near = self._intensity.level + math.log2(GROWTH) >= level
        is_gentle = is_near and now - at < NEAR_FOR_SECONDS and used > FREE_BELOW
        return self._change(now, GENTLE_GROWTH if is_gentle else GROWTH)

    def _change(self, now: float, factor: float) -> Decision:
        self._intensity.multiply(factor)
        self._changed_at = now
        if factor < 1:
            self._beside.clear()
        what = "more" if factor > 1 else "less"
        rows = self._intensity.actuators.rows
        return Decision(
            factor,
            f"{self._felt(self.added_seconds or 0.0)}: {what}, {rows:,} rows a batch",
        )
