"""What a rotation adds to others' short transactions, by all that is measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from token_rotation.pacing.budget.delays import Delay, DelayWindow, quantile
from token_rotation.pacing.budget.queues import Queue, longest_queue
from token_rotation.pacing.budget.rest_slots import LONGEST_SECONDS
from token_rotation.pacing.budget.statement_times import StatementTimes, Totals

BASE_SECONDS = 30.0
"""Delays of rests are compared for so long."""
FEWEST_AT_REST = 8
RECENT_SECONDS = 1.0
FEWEST_RECENT = 4
SELDOM_SECONDS = 1.5
"""The fewest may be so old, where probes are seldom."""
STEADY_SECONDS = 6.0
FEWEST_STEADY = 20

AT_WORK = 0.05
"""Others are at work where a probe meets so many of their sessions on the average."""

TAIL = 3.0
"""Delays beyond the usual fall off about exponentially: the 95th percentile is thrice the mean."""
HIGH_PART = 0.95


@dataclass(frozen=True, slots=True)
class Added:
    """The seconds that the rotation adds, and the sign of them: probes or statements."""

    seconds: float
    sign: str = "probe"

    def of(self, budget_seconds: float) -> str:
        return f"{self.sign} +{self.seconds * 1000:.1f} ms of {budget_seconds * 1000:g}"


class AddedDelay:
    """Compares what others feel beside the rotation with what they feel in its rests.

    A probe in a rest tells what the server takes by itself; all others tell what people feel beside
    the rotation. What it adds is the largest of these: thrice the mean excess of the last second,
    which hears an overload at once; the difference of the 95th percentiles since the last shedding,
    which hears rare long delays; and, where the server has pg_stat_statements, thrice what it adds
    to the mean time of others' own statements.

    Without enough probes it is blind, and says why.
    """

    def __init__(self) -> None:
        self._at_rest = DelayWindow(BASE_SECONDS)
        self._beside = DelayWindow(STEADY_SECONDS)
        self._first_at_rest = 0
        self._statements = StatementTimes(
            rest_seconds=BASE_SECONDS,
            beside_seconds=STEADY_SECONDS,
            longest_rest_seconds=LONGEST_SECONDS,
        )
        self.blind_because = "too few probes"

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

    def read_statements(self, now: float, totals: Mapping[int, Totals], *, at_rest: bool) -> None:
        """Take what pg_stat_statements counts, at the end of a rest or of a time between two."""
        self._statements.read(now, totals, at_rest=at_rest)

    @property
    def begins_anew(self) -> bool:
        """Return True where the next totals of pg_stat_statements end no interval."""
        return self._statements.begins_anew

    def forbids_growth(self, now: float) -> bool:
        """Return True while others' statements since the last change are not read yet."""
        return self._statements.is_awaited(now)

    def clear_beside(self, now: float) -> None:
        """Begin anew with what is felt beside the rotation: it works less hard now."""
        self._beside.clear()
        self._statements.clear_beside(now)

    def queue(self, now: float) -> Queue:
        """The queue of others' sessions."""
        return longest_queue(self._beside.others(now, RECENT_SECONDS), self._at_rest.others(now))

    def are_others_at_work(self, now: float) -> bool:
        """Return True where probes met statements of others lately, or may not see them."""
        return self._others_met(now) >= AT_WORK

    def met_nobody(self, now: float) -> bool:
        """Return True where no probe met a statement of others lately, nor one it may not see."""
        return self._others_met(now) == 0 and len(self._at_rest) >= FEWEST_AT_REST

    def _others_met(self, now: float) -> float:
        met = (self._at_rest.others(now), self._beside.others(now))
        return max(others.at_work + others.hidden for others in met)

    def measure(
        self, now: float, in_flight_seconds: float, *, too_late_seconds: float
    ) -> Added | None:
        """Return what the rotation adds for now; None while it is blind.

        ``in_flight_seconds`` is the age of a probe without an answer. It counts when it is late by
        ``too_late_seconds``.
        """
        at_rest = self._at_rest.seconds(now)
        recent = self._recent(now)
        if len(at_rest) < FEWEST_AT_REST:
            self.blind_because = "too few probes at rest"
            return None
        base = quantile(at_rest, HIGH_PART)
        if in_flight_seconds - base > too_late_seconds:
            return Added(in_flight_seconds - base)
        if len(recent) < FEWEST_RECENT:
            self.blind_because = "too few probes"
            return None
        mean_at_rest = sum(at_rest) / len(at_rest)
        added = TAIL * max(0.0, sum(recent) / len(recent) - mean_at_rest)
        steady = self._beside.seconds(now)
        if len(steady) >= FEWEST_STEADY:
            added = max(added, quantile(steady, HIGH_PART) - base)
        by_statements = TAIL * (self._statements.added_seconds(now) or 0.0)
        return Added(by_statements, "statements") if by_statements > added else Added(added)

    def _recent(self, now: float) -> list[float]:
        recent = self._beside.seconds(now, RECENT_SECONDS)
        if len(recent) >= FEWEST_RECENT:
            return recent
        return self._beside.seconds(now, SELDOM_SECONDS)[-FEWEST_RECENT:]
