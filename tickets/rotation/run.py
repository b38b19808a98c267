"""Run one rotation for an operator: check, count, rotate, show, sum up."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TextIO

from tickets.rotation import wording
from tickets.rotation.connection import reading
from tickets.rotation.counting import PendingCount, count_pending
from tickets.rotation.display import Display, make_display
from tickets.rotation.engine import Rotation
from tickets.rotation.errors import AbortedError, NotReadyError, RotationError
from tickets.rotation.events import BatchDone, Event
from tickets.rotation.options import RotationOptions
from tickets.rotation.preflight import inspect
from tickets.rotation.progress import Progress
from tickets.rotation.record import Record
from tickets.rotation.result import Outcome, Result
from tickets.rotation.stop import StopSignal
from tickets.rotation.stop_on_signal import stop_on_signal
from tickets.rotation.target import Target

NO_RECORD = "This run leaves no record and --stop cannot reach it: run python manage.py migrate"


class Run:
    """One rotation of one target, shown on ``out`` and ``err``.

    With progress as JSON, ``out`` holds nothing but JSON lines and the sentences go to ``err``.
    """

    def __init__(self, target: Target, *, progress_mode: str, out: TextIO, err: TextIO) -> None:
        self._target = target
        self._mode = progress_mode
        self._out = out
        self._err = err

    def look(self) -> PendingCount:
        """How much is pending.

        Raises NotReadyError, before anything is written, when guard, columns or indexes are not
        as they must be.
        """
        with reading(self._target.database) as connection:
            guard = inspect(connection, self._target)
            if guard.problems:
                raise NotReadyError(tuple(str(problem) for problem in guard.problems))
            return count_pending(connection, self._target)

    def rotate(self, options: RotationOptions) -> bool:
        """Rotate; whether nothing is pending any more.

        Raises RotationError, its message completed with what is safe and how to go on.
        """
        pending = self.look()
        if pending.rows == 0:
            self._sum_up(Result(), pending)
            return True
        rotated_at_most = pending.rows
        if options.limit_rows is not None:
            rotated_at_most = min(rotated_at_most, options.limit_rows)
        progress = Progress(
            rotated_at_most, total_is_estimate=pending.is_estimate, clock=time.monotonic
        )
        display = make_display(
            self._mode, progress, out=self._out, err=self._err, clock=time.monotonic
        )
        record = Record(self._target)
        if not record.begin(options, rotated_at_most):
            print(NO_RECORD, file=self._err)
        result = self._rotate_in_thread(options, progress, display, record)
        left = PendingCount(0, is_estimate=False)
        if result.outcome is not Outcome.COMPLETE:
            left = self.look()
        self._sum_up(result, left)
        return left.rows == 0

    def dry_run(self, options: RotationOptions) -> bool:
        """Say what ``rotate`` would do; whether nothing is pending. Raises as ``look`` does."""
        pending = self.look()
        rows = pending.rows
        if options.limit_rows is not None:
            rows = min(rows, options.limit_rows)
        size = (
            f"sized to {options.target_batch_seconds:g} s each"
            if options.batch_rows is None
            else f"of {options.batch_rows:,} rows"
        )
        print(
            f"{self._target.label}: would rotate {wording.count(rows)} of "
            f"{wording.count(pending.rows, is_estimate=pending.is_estimate)} pending rows in "
            f"batches {size}. Guard and indexes are in order. Nothing was written.",
            file=self._out,
        )
        return pending.rows == 0

    def _rotate_in_thread(
        self, options: RotationOptions, progress: Progress, display: Display, record: Record
    ) -> Result:
        """The engine works in a thread, so that the main thread can answer signals at once."""

        def observe(event: Event) -> None:
            if isinstance(event, BatchDone):
                progress.record(event.rotated_rows, event.skipped_rows)
            display.show(event)

        stop = StopSignal()
        rotation = Rotation(self._target, options, observe=observe, stop=stop, clock=time.monotonic)
        try:
            with stop_on_signal(stop), ThreadPoolExecutor(max_workers=1) as pool:
                running = pool.submit(rotation.run)
                with record.kept(progress, stop):
                    result = running.result()
        except AbortedError:
            result = rotation.result
            result.outcome = Outcome.STOPPED
        except RotationError as error:
            record.end(rotation.result, error=str(error))
            rows = rotation.result.rotated_rows
            message = (
                f"{error}. The {rows:,} rows rotated by this run are safe, nothing is half done. "
                f"To go on: {self._target.command}"
            )
            raise RotationError(message) from None
        finally:
            display.close()
        record.end(result)
        return result

    def _sum_up(self, result: Result, left: PendingCount) -> None:
        if self._mode == "json":
            summary = {
                "event": "end",
                "outcome": result.outcome.name.lower(),
                "rotated_rows": result.rotated_rows,
                "pending_rows": left.rows,
                "pending_is_estimate": left.is_estimate,
                "batches": result.batches,
                "retries": result.retries,
                "seconds": round(result.seconds, 3),
                "waited_seconds": {k: round(v, 3) for k, v in result.waited_seconds.items()},
            }
            print(json.dumps(summary), file=self._out, flush=True)
        print(self._sentence(result, left), file=self._err if self._mode == "json" else self._out)

    def _sentence(self, result: Result, left: PendingCount) -> str:
        label = self._target.label
        if left.rows == 0 and result.batches == 0:
            return f"{label}: nothing is pending; nothing was written."
        rate = result.rotated_rows / result.seconds if result.seconds else None
        work = (
            f"{label}: {result.rotated_rows:,} tokens rotated in "
            f"{wording.duration(result.seconds)} ({wording.rate(rate)}, "
            f"{result.batches:,} batches, {result.retries:,} retries)"
        )
        if result.waited_seconds:
            waits = (f"{wait:.1f} s for {kind}" for kind, wait in result.waited_seconds.items())
            work += f", having waited {', '.join(waits)}"
        if left.rows == 0:
            return f"{work}. Nothing is pending."
        reason = result.outcome.value
        if result.blockers:
            reason += ": " + ", ".join(map(str, result.blockers))
        pending = wording.count(left.rows, is_estimate=left.is_estimate)
        reason = reason[0].upper() + reason[1:]
        return f"{work}. {reason}; {pending} pending. To go on: {self._target.command}"
