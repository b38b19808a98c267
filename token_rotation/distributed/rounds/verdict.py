"""Decide how a distributed rotation goes on after a round."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.engine.result import Outcome
from token_rotation.operations.stored_output import StoredError


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """The outcome of a round.

    ``error`` says why ranges have failed or were withdrawn; else it is None. ``any_refused``:
    PostgreSQL refused rows. ``any_locked``: others lock rows. ``any_beyond``: rows may be pending
    beyond the last range.
    """

    rotated_rows: int
    any_out_of_time: bool
    waited_for_locks: bool
    error: StoredError | None
    any_refused: bool = False
    any_locked: bool = False
    any_beyond: bool = False

    @property
    def is_fruitful(self) -> bool:
        """Return True when the round rotated rows, or was throttled.

        Throttled means that a throttle held it back until its time was up.
        """
        return self.rotated_rows > 0 or self.any_out_of_time


@dataclass(frozen=True, slots=True)
class Verdict:
    """The end of a rotation: its outcome."""

    outcome: Outcome
    error: StoredError | None = None


def verdict(
    pending_rows: int, end: RoundEnd, *, stop_requested: bool, later_rows: int = 0
) -> Verdict | None:
    """Return the rotation's end after this round, or None.

    ``later_rows`` have a marker that is later than the server's clock, so that workers cannot tell
    them from fresh ones.

    None means that another round follows. It rotates a failed range again, unless the round rotated
    nothing, or the range has stopped all others. It tries refused rows again, unless nothing else
    is left to do.
    """
    if pending_rows == 0:
        return Verdict(Outcome.MARKERS_AHEAD if later_rows else Outcome.COMPLETE)
    if end.error is not None and (stop_requested or not end.is_fruitful):
        return Verdict(Outcome.STOPPED, end.error)
    if stop_requested:
        return Verdict(Outcome.STOPPED)
    if end.any_refused and not end.any_locked and not end.is_fruitful:
        return Verdict(Outcome.ROWS_REFUSED)
    if end.waited_for_locks and not end.is_fruitful:
        return Verdict(Outcome.ROWS_LOCKED)
    return None
