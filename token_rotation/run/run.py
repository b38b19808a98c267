"""Run one rotation for an operator: check, count, rotate, show, sum up."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import TextIO, TypeVar

from token_rotation import wording
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.engine.result import Outcome, Result
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import (
    AbortedError,
    NotReadyError,
    RotationError,
    StatementError,
    UnyieldingRowsError,
)
from token_rotation.events import BatchDone, Event
from token_rotation.inspection import advice
from token_rotation.inspection.counting import (
    COUNT_AT_MOST_SECONDS,
    PendingCount,
    count_outside,
    count_pending,
    estimated_rows,
)
from token_rotation.inspection.measure import measure_storage
from token_rotation.inspection.preflight import inspect
from token_rotation.maintenance.cleanup import ENDING, STOPPING, Cleanup
from token_rotation.operations.execution.failure import describe_explained, describe_unforeseen
from token_rotation.operations.stored_output import StoredError
from token_rotation.options import RotationOptions
from token_rotation.postgres.connection import Connection, reading
from token_rotation.run import summary
from token_rotation.run.display import make_display
from token_rotation.run.live_status import LiveData
from token_rotation.run.progress import Progress
from token_rotation.run.record import Record
from token_rotation.run.summary import Aftermath, say
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.lookup import count_listed

ANSWER_WITHIN_SECONDS = 0.1

Answer = TypeVar("Answer")


class Run:
    """One rotation of one target, shown on ``out`` and ``err``.

    With progress as JSON, ``out`` holds nothing but JSON lines and the sentences go to ``err``. The
    rows of ``leak_list`` come first; whether there are others the target's selection says.
    ``result`` is what was rotated so far.
    """

    def __init__(
        self,
        target: Target,
        *,
        progress_mode: str,
        out: TextIO,
        err: TextIO,
        leak_list: LeakList | None = None,
    ) -> None:
        self._target = target
        self._list = leak_list
        self._mode = progress_mode
        self._out = out
        self._err = err
        self._stop = StopSignal()
        self._to_go_on = target.command
        self.result = Result()

    def of(self, target: Target) -> Run:
        """A run of another target, shown in the same way."""
        return Run(target, progress_mode=self._mode, out=self._out, err=self._err)

    @property
    def stopped(self) -> bool:
        """Whether the operator asked for an end, here or with --stop from elsewhere."""
        return self._stop.requested

    def look(self) -> PendingCount:
        """How much is pending.

        Raises NotReadyError, before anything is written, when guard, columns or indexes are not
        as they must be.
        """
        with self._reading() as connection:
            guard = inspect(connection, self._target)
            if guard.problems:
                first, *others = guard.problems
                safe = f"{first.sentence}. Nothing was changed. Run: {first.mend}"
                raise NotReadyError((safe, *map(str, others)))
            return self._count(connection)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """``reading``, for looks that may take long: who ends the run ends them too."""
        with reading(self._target.database) as connection:
            self._stop.on_abort(connection.cancel)
            yield connection

    def _count(self, connection: Connection, *, told: bool = True) -> PendingCount:
        """What is pending, with what the list adds to it; ``told`` what the list is about."""
        if self._list is None:
            return count_pending(connection, self._target)
        listed = count_listed(
            connection, self._target, self._list, at_most_seconds=COUNT_AT_MOST_SECONDS
        )
        if told:
            self._say(summary.list_as_sentence(self._list, listed))
        if self._target.selection.is_list_only:
            return PendingCount(listed.meant_rows, listed.is_estimate)
        rest = count_pending(connection, self._target)
        is_estimate = rest.is_estimate or listed.is_estimate
        return PendingCount(rest.rows + listed.added_rows, is_estimate)

    def rotate(self, options: RotationOptions, *, finish: bool = False) -> bool:
        """Rotate; whether nothing is pending any more and the guard keeps it so.

        With ``finish``, clean up after that; False also when the clean-up was stopped. Raises
        RotationError, its message completed with what is safe and how to go on.
        """
        words = [*options.words, *(["--finish"] if finish else [])]
        self._to_go_on = f"{self._target.command} {shlex.join(words)}".rstrip()
        with stop_on_signal(self._stop):
            pending = self._answering_signals(self._look_or_stop)
            if self._target.selection.issued_before is not None:
                self._say(summary.cut_off_as_sentence(self._target, self._to_go_on))
            if pending.rows:
                self._rotate(options, pending)
            offer_finish = not finish and self.result.batches > 0
            sum_up = partial(self.sum_up, self.result, offer_finish=offer_finish)
            after = self._answering_signals(sum_up)
        return self._finish(after) if finish else after.complete

    def sum_up(self, result: Result, *, offer_finish: bool) -> Aftermath:
        """Say how a rotation ended; the table as it is now."""
        after = self._look_after(result, offer_finish=offer_finish)
        if self._mode == "json":
            say(summary.as_json(result, after, None), self._out)
        self._say(summary.as_sentence(self._target, result, after, to_go_on=self._to_go_on))
        return after

    def _finish(self, after: Aftermath) -> bool:
        if not after.complete or (after.outside and after.outside.rows):
            self._say("The clean-up was left out: it comes when nothing is pending.")
            return after.complete
        with stop_on_signal(self._stop, stopping=STOPPING, aborting=ENDING):
            return Cleanup(self._target, say=self._say, stop=self._stop).run()

    def _say(self, sentence: str) -> None:
        say(sentence, self._err if self._mode == "json" else self._out)

    def dry_run(self, options: RotationOptions) -> bool:
        """Say what ``rotate`` would do; whether nothing is pending. Raises as ``look`` does."""
        pending = self.look()
        rows = _rows_to_rotate(options, pending)
        size = (
            f"sized to {options.target_batch_seconds:g} s each"
            if options.batch_rows is None
            else f"of {options.batch_rows:,} rows"
        )
        say(
            f"{self._target.label}: would rotate {wording.count(rows)} of "
            f"{wording.count(pending.rows, is_estimate=pending.is_estimate)} pending rows in "
            f"batches {size}, {options.workers} at a time, on up to {options.most_connections} "
            "connections. Guard and indexes are in order. Nothing was written.",
            self._out,
        )
        return pending.rows == 0

    def _look_or_stop(self) -> PendingCount:
        """``look``; where the operator ended it, nothing is known to be pending."""
        try:
            return self.look()
        except StatementError:
            if not self._stop.aborted:
                raise
            self.result.outcome = Outcome.STOPPED
            return PendingCount(0, is_estimate=True)

    def _rotate(self, options: RotationOptions, pending: PendingCount) -> None:
        rows = _rows_to_rotate(options, pending)
        progress = Progress(rows, total_is_estimate=pending.is_estimate, clock=time.monotonic)
        display = make_display(
            self._mode, progress, out=self._out, err=self._err, clock=time.monotonic
        )

        live_data = LiveData()

        def observe(event: Event) -> None:
            live_data.note(event)
            if isinstance(event, BatchDone):
                progress.record(event.rotated_rows, event.skipped_rows)
            display.show(event)

        rotation = Rotation(
            self._target,
            options,
            observe=observe,
            stop=self._stop,
            clock=time.monotonic,
            leak_list=self._list,
        )
        self.result = rotation.result
        record = Record(self._target)
        unrecorded_because = record.begin(options, rows)
        if unrecorded_because:
            say(
                f"This run leaves no record, and --stop cannot reach it: {unrecorded_because}",
                self._err,
            )
        error: StoredError | None = None
        failed: RotationError | None = None
        try:
            keeping = record.kept(
                progress,
                self._stop,
                rotation,
                live_data=live_data,
                change_pace=rotation.change_pace,
            )
            with keeping:
                self._answering_signals(rotation.run)
        except AbortedError:
            rotation.result.outcome = Outcome.STOPPED
        except RotationError as ended_by:
            failed, error = ended_by, describe_explained(ended_by)
        except BaseException as ended_by:
            error = describe_unforeseen(ended_by)
            raise
        finally:
            display.close()
            record.end(rotation.result, error=error)
        if failed is not None:
            raise self.completed(failed, rotation.result) from None

    def _answering_signals(self, work: Callable[[], Answer]) -> Answer:
        """Work in a thread, so that the main thread can answer signals at once."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            running = pool.submit(work)
            # A signal that comes just before an unbounded wait would be answered after it.
            while not wait([running], timeout=ANSWER_WITHIN_SECONDS).done:
                if self._stop.aborted:
                    self._stop.abort()  # the first time may have fallen between two statements
            return running.result()

    def completed(self, error: RotationError, result: Result) -> RotationError:
        """The error, with what is safe and how to go on; in JSON mode the last line is written."""
        if self._mode == "json":
            say(summary.as_json(result, None, str(error)), self._out)
        if isinstance(error, UnyieldingRowsError):
            return RotationError(f"{error}, then: {self._to_go_on}")
        said = str(error).rstrip(".")  # libpq's sentences have one of their own
        return RotationError(
            f"{said}. The {result.rotated_rows:,} rows rotated by this run are safe, nothing is "
            f"half done. To go on: {self._to_go_on}"
        )

    def _look_after(self, result: Result, *, offer_finish: bool) -> Aftermath:
        """The table at the end; the guard may have been damaged meanwhile, the server be gone."""
        looked_at_all = result.outcome is Outcome.COMPLETE and not (
            self._list is None and self._target.selection.is_indexed
        )
        try:
            with self._reading() as connection:
                guard = inspect(connection, self._target)
                pending = self._count(connection, told=False)
                if looked_at_all and pending.is_estimate:
                    # The rotation has just looked at every row, which this look had no time for.
                    pending = PendingCount(0, is_estimate=False)
                outside = None
                if pending.rows == 0 and self._target.selection.leaves_rows_out:
                    outside = count_outside(connection, self._target)
                found: list[str] = []
                if offer_finish and pending.rows == 0 and not (outside and outside.rows):
                    # Too low after a VACUUM that met rows on the move.
                    rows = max(estimated_rows(connection, self._target), result.rotated_rows)
                    storage = measure_storage(connection, self._target, rows=rows)
                    found = advice.after_rotation(storage, rows, self._target.whole_command)
                return Aftermath(pending, guard, outside=outside, advice=tuple(found))
        except RotationError as error:
            return Aftermath(None, None, unknown_because=str(error))


def _rows_to_rotate(options: RotationOptions, pending: PendingCount) -> int:
    if options.limit_rows is None:
        return pending.rows
    return min(options.limit_rows, pending.rows)
