"""Cached reports of the tables, shared by a process's viewers."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from threading import Lock

from token_rotation.errors import RotationError
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.reading import reading
from token_rotation.reporting.report import Report, make_report
from token_rotation.selection.target import Target

REST_TIMES = 30
"""A look is reused for 30 times its duration, so that viewing uses about 3 % of one connection."""

SHORTEST_REST_SECONDS = 1.5
LONGEST_REST_SECONDS = 120.0
GUARD_REST_SECONDS = 5.0
"""The guard is checked more often than a large table is counted, since that costs little."""


@dataclass(frozen=True, slots=True)
class Look:
    """The report of a table, or the error instead.

    ``counted_at`` is the end of the count, in seconds since 1970 by the database's clock. Rows that
    running rotations did later are subtracted from the count.
    """

    report: Report | None
    error: RotationError | None = None
    counted_at: float = 0.0
    seconds: float = 0.0
    good_until: float = 0.0
    guard_good_until: float = 0.0
    moment: Hashable = None

    def pending_rows(self, rows_since: int) -> int | None:
        """Return the pending rows, less those done after the count.

        ``rows_since`` is the number of these; None means that it is unknown. The result is 0 only
        if the look itself found nothing pending: progress alone never proves that.
        """
        if self.report is None:
            return None
        counted = self.report.counts.pending.rows
        return max(min(counted, 1), counted - rows_since)


def inspect_now(target: Target) -> GuardState:
    """Inspect guard, columns and indexes. Raises RotationError."""
    with reading(target.database, locked_seconds=0) as connection:
        return inspect(connection, target, compares_rows=False)


class Looks:
    """The last look at each target, for a process's threads."""

    def __init__(
        self,
        look: Callable[[Target], Report] = lambda target: make_report(
            target, exact=False, compares_rows=False, locked_seconds=0
        ),
        guard: Callable[[Target], GuardState] = inspect_now,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._guard = guard
        self._clock = clock
        self._last: dict[str, Look] = {}
        self._locks: dict[str, Lock] = {}

    def at(self, target: Target, moment: Hashable, now: Callable[[], float]) -> Look:
        """Return a look that is fresh enough.

        ``moment`` changes when a rotation starts or ends; a look with another moment is not
        reused. ``now`` reads the database's clock. While one thread takes a new look, others get
        the last one, if there is one.
        """
        last = self._last.get(target.label)
        if last is not None and self._is_good(last, moment):
            return last
        lock = self._locks.setdefault(target.label, Lock())
        if not lock.acquire(blocking=last is None) and last is not None:
            return last
        try:
            last = self._last.get(target.label)
            if last is None or not self._is_current(last, moment):
                last = self._last[target.label] = self._take(target, moment, now)
            elif not self._is_good(last, moment):
                last = self._last[target.label] = self._with_guard(target, last)
            return last
        finally:
            lock.release()

    def forget(self, target: Target) -> None:
        """Take a new look the next time."""
        self._last.pop(target.label, None)

    def _is_good(self, look: Look, moment: Hashable) -> bool:
        return self._is_current(look, moment) and self._clock() < look.guard_good_until

    def _is_current(self, look: Look, moment: Hashable) -> bool:
        return look.moment == moment and self._clock() < look.good_until

    def _with_guard(self, target: Target, look: Look) -> Look:
        """Return the look with the current guard.

        A failure makes the whole look fail.
        """
        soon = self._clock() + GUARD_REST_SECONDS
        if look.report is None:
            return replace(look, guard_good_until=look.good_until)
        try:
            report = replace(look.report, guard=self._guard(target))
        except RotationError as error:
            return Look(None, error, good_until=soon, guard_good_until=soon, moment=look.moment)
        return replace(look, report=report, guard_good_until=soon)

    def _take(self, target: Target, moment: Hashable, database_now: Callable[[], float]) -> Look:
        started_at = self._clock()
        report, error = None, None
        try:
            report = self._look(target)
        except RotationError as reason:
            error = reason
        seconds = self._clock() - started_at
        times = 0 if report is None else REST_TIMES  # after a failure, look again soon
        rest = min(LONGEST_REST_SECONDS, max(SHORTEST_REST_SECONDS, times * seconds))
        # After the count, so that rows done during it are counted as pending rather than twice.
        counted_at = database_now()
        now = self._clock()
        return Look(
            report, error, counted_at, seconds, now + rest, now + GUARD_REST_SECONDS, moment
        )


looks = Looks()
