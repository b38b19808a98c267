"""One worker's attempt at one range, with the ordinary engine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from threading import Lock, Timer
from typing import Any

from token_rotation.distributed.inputs import keys_of, target_of
from token_rotation.distributed.ranges.heartbeat import RangeHeartbeat
from token_rotation.distributed.ranges.range_options import range_options
from token_rotation.distributed.ranges.range_totals import RangeTotals
from token_rotation.distributed.records import MEETS_TRAFFIC, range_counts_of, rotation_of
from token_rotation.distributed.results import FIGURES
from token_rotation.engine.result import Outcome, Result
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import AbortedError, NotReadyError
from token_rotation.inspection.counting import pending_rows_of
from token_rotation.inspection.preflight import inspect
from token_rotation.inspection.triggers.later_release import LATER_RELEASE
from token_rotation.operations.actions.action import Beat
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.limits import attempt_seconds
from token_rotation.pacing.pace import PaceListener
from token_rotation.postgres.reading import reading
from token_rotation.run.recording.live_status import LiveStatus
from token_rotation.run.recording.result_values import result_values
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal

OUT_OF_TIME = "out_of_time"


class WorkRange:
    """One attempt at a range.

    The worker calls ``beat`` while ``rotate_key_range`` works.
    """

    def __init__(self, operation: BatchOperation) -> None:
        self._operation = operation
        self._stop = StopSignal()
        self._heartbeat: RangeHeartbeat | None = None
        self._beating = Lock()
        self._out_of_time = False

    def beat(self, beat: Beat) -> None:
        """Write a heartbeat, with figures while the engine runs.

        Raises ClaimLostError.
        """
        with self._beating:
            if self._heartbeat is None:
                beat()
            else:
                self._heartbeat.beat(beat)

    def rotate_key_range(self) -> dict[str, Any]:
        """Rotate the range until done, out of time, or stopped.

        Delivered twice, it finds nothing pending. Returns JSON values: ``outcome`` (also
        "out_of_time"), ``rotated_rows`` of this attempt and those before it, ``pending_rows`` left,
        ``blockers``, and the other figures of a rotation's record.

        Raises RotationError when it cannot go on.
        """
        rotation = rotation_of(self._operation)
        if rotation is None:
            outcome = Outcome.STOPPED.name.lower()
            return {"outcome": outcome, "rotated_rows": 0, "pending_rows": None}
        target, keys = target_of(rotation), keys_of(self._operation)
        _ensure_guarded(target)
        totals = RangeTotals(self._operation, _pending_rows(target, keys))
        result = Result(Outcome.STOPPED)
        if rotation.status == Status.RUNNING and rotation.stop_requested_at is None:
            result = self._rotate(rotation, target, totals)
        pending_rows = _pending_rows(target, keys)
        rotated_rows = totals.final_rows(result.rotated_rows, pending_rows)
        self._operation.beat(rotated_rows)
        with suppress(NotRunningError):  # it has ended
            # A short range has no other beat.
            rotation.beat(range_counts_of(rotation).rotated_rows)
        out_of_time = self._out_of_time and result.outcome is Outcome.STOPPED
        return {
            **result_values(result),
            **totals.figures(result),
            **({"outcome": OUT_OF_TIME} if out_of_time else {}),
            "rotated_rows": rotated_rows,
            "pending_rows": pending_rows,
            "blockers": [asdict(blocker) for blocker in result.blockers],
        }

    def _rotate(self, rotation: BatchOperation, target: Target, totals: RangeTotals) -> Result:
        live_status = LiveStatus()
        engine = Rotation(
            target,
            range_options(rotation, self._operation),
            observe=live_status.note,
            stop=self._stop,
            clock=time.monotonic,
            bounds=keys_of(self._operation),
        )

        def live() -> dict[str, Any]:
            engine.sum_up()
            figures = totals.figures(engine.result)
            return {**live_status.as_json(), FIGURES: figures, MEETS_TRAFFIC: engine.meets_traffic}

        listener = PaceListener(engine.change_pace)
        listener.hear(rotation.control_data)
        self._heartbeat = RangeHeartbeat(
            rotation,
            done_rows=lambda: totals.done_rows(engine.result.rotated_rows),
            live=live,
            listener=listener,
            stop=self._stop,
        )
        try:
            with self._time_limit():
                return _run(engine, self._stop)
        finally:
            with self._beating:  # the last figures come from this thread, after any beat
                self._heartbeat = None

    @contextmanager
    def _time_limit(self) -> Iterator[None]:
        timer = Timer(attempt_seconds(), self._end_in_time)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _end_in_time(self) -> None:
        self._out_of_time = True
        self._stop.request()


def _run(engine: Rotation, stop: StopSignal) -> Result:
    try:
        return engine.run()
    except AbortedError:  # a stop was requested while the database kept failing
        engine.result.outcome = Outcome.STOPPED
        return engine.result
    except BaseException:  # such as the soft time limit: the engine's threads must end
        stop.abort()
        raise


def _ensure_guarded(target: Target) -> None:
    """Raise NotReadyError unless guard and indexes are ready.

    They are ready when they are as the rotation needs them. A deploy may change the guard of a
    rotation in progress: this worker goes on, and who has the later release judges it at the end.
    """
    with reading(target.database) as connection:
        guard = inspect(connection, target)
        problems = [each for each in guard.problems if each.code != LATER_RELEASE]
        if problems:
            raise NotReadyError(tuple(map(str, problems)))


def _pending_rows(target: Target, keys: KeyRange) -> int:
    with reading(target.database) as connection:
        return pending_rows_of(connection, target, keys)
