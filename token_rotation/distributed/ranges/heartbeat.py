"""A range's part of each beat of its worker.

A beat writes the progress and reads requests.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from token_rotation.distributed.records import range_counts_of
from token_rotation.operations.actions.action import Beat
from token_rotation.operations.errors import ClaimLostError, NotRunningError
from token_rotation.operations.models import BatchOperation
from token_rotation.pacing.pace import PaceListener
from token_rotation.stop import StopSignal


class RangeHeartbeat:
    """Write progress of range and rotation; read requests.

    The requests are to stop, or to change the pace.
    """

    def __init__(
        self,
        rotation: BatchOperation,
        *,
        done_rows: Callable[[], int],
        live: Callable[[], dict[str, Any]],
        listener: PaceListener,
        stop: StopSignal,
    ) -> None:
        self._rotation = rotation
        self._done_rows = done_rows
        self._live = live
        self._listener = listener
        self._stop = stop

    def beat(self, beat: Beat) -> None:
        """Write one beat.

        Raises ClaimLostError when another attempt has the range; this one stops.
        """
        try:
            stop_requested = beat(done=self._done_rows(), live=self._live())
        except ClaimLostError:
            self._stop.request()
            raise
        if self._beat_for_rotation() or stop_requested:
            self._stop.request()

    def _beat_for_rotation(self) -> bool:
        """Write the rotation's beat, as every worker does.

        The sum is right, no matter which worker writes it.
        """
        try:
            stop_requested = self._rotation.beat(range_counts_of(self._rotation).rotated_rows)
        except NotRunningError:  # another process has ended it
            return True
        self._listener.hear(self._rotation.control_data)
        return stop_requested
