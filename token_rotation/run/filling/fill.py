"""One fill of one shadow column for an operator."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial

from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.engine.result import Outcome, Result
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import AbortedError, DatabaseGoneError, RotationError, StatementError
from token_rotation.events import BatchDone, Event, Observer
from token_rotation.inspection.counting import PendingCount
from token_rotation.options import RotationOptions
from token_rotation.run.filling import sentences
from token_rotation.run.filling.look import count_to_fill, gaps_of
from token_rotation.run.output import Output
from token_rotation.run.progress import Progress
from token_rotation.run.recording.kind import FILLS
from token_rotation.run.recording.live_status import LiveStatus
from token_rotation.run.recording.record import Record
from token_rotation.run.recording.recorded import recorded
from token_rotation.run.recording.result_values import result_values
from token_rotation.run.verify import verify
from token_rotation.selection.shadow import Shadow
from token_rotation.stop import StopSignal, answering_signals


class Fill:
    """Fill of one column: look, fill, verify, sum up. A signal ends each step.

    The engine is that of a rotation: nothing is resumed but the data.
    """

    def __init__(self, target: Shadow, options: RotationOptions, output: Output) -> None:
        self._target = target
        self._options = options
        self._output = output
        self._stop = StopSignal()
        self.result = Result()

    @property
    def stopped(self) -> bool:
        """Return True when somebody asked for an end."""
        return self._stop.requested

    def run(self) -> bool:
        """Fill; return True when a read of the heap found nothing pending.

        Raises RotationError, whose message says what is safe and how to go on.
        """
        with stop_on_signal(self._stop):
            pending = answering_signals(self._look, meanwhile=self._end_look)
            try:
                if pending.rows:
                    self._fill(pending)
                else:
                    verify_now = partial(self._verify, self._output.show_waits())
                    answering_signals(verify_now, meanwhile=self._stop.again)
                return self._sum_up()
            except RotationError as error:
                raise self._explained(error) from None

    def _look(self) -> PendingCount:
        """Count what is pending; nothing is known to be if the operator ended the look."""
        try:
            return count_to_fill(self._target, self._stop)
        except StatementError:
            if not self._stop.requested:
                raise
            self.result.outcome = Outcome.STOPPED
            return PendingCount(0, is_estimate=True)

    def _end_look(self) -> None:
        """End a look at the first request: no batch is in flight that could commit."""
        if self._stop.requested:
            self._stop.abort()

    def _fill(self, pending: PendingCount) -> None:
        progress = Progress(
            pending.rows,
            total_is_estimate=pending.is_estimate,
            clock=time.monotonic,
            words=("filling", "filled"),
        )
        status = LiveStatus()

        def observe(event: Event) -> None:
            status.note(event)
            if isinstance(event, BatchDone):
                progress.reach(self.result.rotated_rows, skipped_rows=event.skipped_rows)
            display.show(event)

        fill = Rotation(
            self._target, self._options, observe=observe, stop=self._stop, clock=time.monotonic
        )
        self.result = fill.result
        display = self._output.display(progress)
        record = Record(self._target, FILLS.operation_type)
        unrecorded_because = record.begin(self._options, pending.rows)
        if unrecorded_because:
            self._output.warn(f"This run leaves no record yet: {unrecorded_because}.")
        with recorded(record, fill, progress, status, self._stop), closing(display):
            answering_signals(fill.run, meanwhile=self._stop.again)
            answering_signals(partial(self._verify, observe), meanwhile=self._stop.again)

    def _verify(self, observe: Observer) -> None:
        """Read the table before anything says how it ended."""
        if self.result.outcome is Outcome.COMPLETE:
            self.result.settle(
                verify(
                    self._target,
                    at_most_seconds=self._options.verdict_at_most_seconds,
                    observe=observe,
                    stop=self._stop,
                    retry_seconds=self._options.retry_seconds,
                )
            )

    def _sum_up(self) -> bool:
        target, result = self._target, self.result
        gaps = gaps_of(target)
        if sentences.is_over(result):
            said = sentences.verdict_as_sentence(target, result.verdict, gaps)
        else:
            said = sentences.end_as_sentence(target, result)
        work = f"{sentences.work_as_sentence(result)}. " if result.batches else ""
        rule = sentences.rule_as_sentence(target)
        self._output.say(f"{target.label}: {work}{said} {rule}".rstrip())
        verified = result.verdict is not None and result.verdict.nothing_pending
        complete = verified and result.outcome is Outcome.COMPLETE and not gaps
        self._output.event({"event": "end", **result_values(result), "complete": complete})
        return complete

    def _explained(self, error: RotationError) -> RotationError:
        kind = type(error) if isinstance(error, DatabaseGoneError | AbortedError) else RotationError
        return kind(sentences.error_as_sentence(self._target, self.result, error))
