"""Tell a rotation that progresses from one that circles."""

from __future__ import annotations

import math

from token_rotation.engine.passes.pass_outcome import PassOutcome

FRUITLESS_PASSES = 3
IDLE_PASSES = 6
WAITS_IN_VAIN = 20


class PassProgress:
    """A judgement of each pass, compared with the earlier ones.

    A pass is judged by what it left.
    """

    def __init__(self) -> None:
        self._rotated_rows = 0
        self._fewest_skipped: float = math.inf
        self._fruitless_passes = 0
        self._idle_passes = 0
        self._waits = 0

    def is_made(self, left: PassOutcome, rotated_rows: int) -> bool:
        """Return True after a pass with progress; count afresh then.

        ``rotated_rows`` are those since the beginning. A row that is rotated during a wait counts
        for the next pass.
        """
        fewer = left.skipped_rows == 0 or left.skipped_rows < self._fewest_skipped
        self._fewest_skipped = min(self._fewest_skipped, left.skipped_rows or math.inf)
        more = rotated_rows > self._rotated_rows
        self._rotated_rows = rotated_rows
        self._idle_passes = 0 if more or left.skipped_rows else self._idle_passes + 1
        if left.did_not_stick or not fewer or not more:
            return False
        self._fruitless_passes = self._waits = 0
        return True

    def is_last_wait(self) -> bool:
        """Count a wait for locked rows.

        Return True when there have been enough without progress.
        """
        self._waits += 1
        return self._waits == WAITS_IN_VAIN

    def is_fruitless(self) -> bool:
        """Count a pass that skipped no row and rotated none.

        Return True when there were enough.
        """
        self._fruitless_passes += 1
        return self._fruitless_passes >= FRUITLESS_PASSES

    @property
    def is_idle(self) -> bool:
        """Return True after enough passes in a row that skipped no row and rotated none.

        An index that lacks rows looks so: a look-up finds them, and the UPDATE does not.
        """
        return self._idle_passes >= IDLE_PASSES
