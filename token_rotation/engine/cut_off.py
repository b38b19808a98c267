"""What a cut-off demands of the server's clock, before each pass and at the end."""

from __future__ import annotations

from collections.abc import Callable

from token_rotation import wording
from token_rotation.engine.result import Outcome
from token_rotation.engine.worker import Worker
from token_rotation.errors import ClockBehindError
from token_rotation.events import Observer, Waiting
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.selection import LONGEST_WAIT
from token_rotation.stop import StopSignal

LOOK_EVERY_SECONDS = 1.0


class CutOff:
    """The cut-off of a rotation, if it has one, and the server's clock.

    A fresh token is dated by that clock. If it is dated before the cut-off, its row stays pending.
    """

    def __init__(
        self,
        target: MarkedTable,
        *,
        bounds: KeyRange,
        observe: Observer,
        stop: StopSignal,
        clock: Callable[[], float],
    ) -> None:
        self._exists = target.selection.issued_before is not None
        self._is_whole = bounds == EVERY_KEY and not target.selection.is_list_only
        self._observe = observe
        self._stop = stop
        self._clock = clock

    def wait_for_clock(self, worker: Worker) -> None:
        """Wait until the clock has reached the cut-off, for about a minute at most.

        It lies behind if it was put back. Raises ClockBehindError if it lies too far behind.
        """
        ends_at = self._clock() + LONGEST_WAIT.total_seconds() + LOOK_EVERY_SECONDS
        while self._exists and not self._stop.requested:
            behind_seconds = worker.retrying.run(worker.pending.clock_behind_seconds)
            if behind_seconds <= 0:
                return
            if behind_seconds > max(0.0, ends_at - self._clock()):
                raise ClockBehindError(
                    f"the database's clock is {wording.duration(behind_seconds)} behind the "
                    "cut-off, so no fresh token could be told from an old one"
                )
            self._observe(
                Waiting(f"the database's clock, {behind_seconds:.0f} s behind the cut-off")
            )
            self._stop.wait(min(behind_seconds, LOOK_EVERY_SECONDS))

    def outcome(self, worker: Worker) -> Outcome:
        """Return the outcome of a rotation that has found nothing pending.

        It is STOPPED where the end was asked for before that is known. A marker that is later than
        the clock may be of any time. Somebody else looks for those where this rotation knows only
        some of the rows.
        """
        if not (self._exists and self._is_whole):
            return Outcome.COMPLETE
        any_later = worker.look_up(worker.pending.any_later)
        if any_later is None:
            return Outcome.STOPPED
        return Outcome.MARKERS_AHEAD if any_later else Outcome.COMPLETE
