"""Decide how a distributed rotation goes on after a round."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.engine.result import Outcome
from token_rotation.operations.stored_output import StoredError


@dataclass(frozen=True, slots=True)
class RoundEnd:
    """How a round went. ``error``: why ranges have failed or were withdrawn, else None."""

    rotated_rows: int
    any_out_of_time: bool
    waited_for_locks: bool
    error: StoredError | None

    @property
    def is_fruitful(self) -> bool:
        """It has rotated rows, or a throttle held it back until its time was up."""
        return self.rotated_rows > 0 or self.any_out_of_time


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the rotation ends."""

    outcome: Outcome
    error: StoredError | None = None


def verdict(pending_rows: int, end: RoundEnd, *, stop_requested: bool) -> Verdict | None:
    """How the rotation ends after this round; None when another round follows.

    The next round rotates a failed range again, unless the round rotated nothing, or the range has
    stopped all others.
    """
    if pending_rows == 0:
        return Verdict(Outcome.COMPLETE)
    if end.error is not None and (stop_requested or not end.is_fruitful):
        return Verdict(Outcome.STOPPED, end.error)
    if stop_requested:
        return Verdict(Outcome.STOPPED)
    if end.waited_for_locks and not end.is_fruitful:
        return Verdict(Outcome.ROWS_LOCKED)
    return None
