"""One rotation of one target for an operator."""

from __future__ import annotations

import shlex
import time
from contextlib import ExitStack, closing
from functools import partial

from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.engine.result import Outcome, Result
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import RotationError, StatementError
from token_rotation.events import BatchDone, Event, Observer
from token_rotation.inspection.counting import PendingCount
from token_rotation.options import RotationOptions
from token_rotation.postgres.connection import Connection
from token_rotation.run import summary
from token_rotation.run.aftermath import Aftermath
from token_rotation.run.clean_up import clean_up_after
from token_rotation.run.closing import Closing
from token_rotation.run.cut_off import settle_cut_off
from token_rotation.run.output import Output
from token_rotation.run.pending import count_rows, looking
from token_rotation.run.progress import Progress
from token_rotation.run.recording.live_status import LiveStatus
from token_rotation.run.recording.record import Record
from token_rotation.run.recording.recorded import recorded
from token_rotation.run.security_trail import end_told, tell_begun
from token_rotation.run.verify import verify
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal, answering_signals
from token_rotation.targets.later_rows import LaterRows


class OperatorRun:
    """Rotation of one target: look, rotate, sum up, clean up.

    It cleans up only with ``clean_up``. A signal ends each step.

    The rows of ``leak_list`` come first; the target's selection says if there are others.
    ``result`` is what was rotated so far. ``evident_target`` has the cut-off by which somebody else
    can tell what is pending after the run.
    """

    def __init__(
        self,
        target: Target,
        options: RotationOptions,
        output: Output,
        *,
        leak_list: LeakList | None = None,
        clean_up: bool = False,
    ) -> None:
        self._target = target
        self._options = options
        self._output = output
        self._leak_list = leak_list
        self._clean_up = clean_up
        self._stop = StopSignal()
        self._later: LaterRows | None = None
        self._target_to_go_on = target
        self._closing = self._closing_of(target)
        self.result = Result()
        self.evident_target = target

    @property
    def stopped(self) -> bool:
        """Return True when somebody asked for an end.

        The request comes from here, or from elsewhere with --stop.
        """
        return self._stop.requested

    def run(self) -> bool:
        """Rotate.

        Return True when nothing is pending any more and the guard keeps it so. Return False also
        when somebody stopped a clean-up.

        Raises RotationError, whose message says what is safe and how to go on.
        """
        with stop_on_signal(self._stop), ExitStack() as closing_files:
            pending = answering_signals(
                partial(self._look, closing_files), meanwhile=self._end_look
            )
            with ExitStack() as trail:
                if pending.rows:
                    tell_begun(self._target, pending.rows)
                    ended = trail.enter_context(
                        end_told(self._target, lambda: self.result.rotated_rows)
                    )
                    self._rotate(pending)
                after = answering_signals(self._sum_up, meanwhile=self._stop.again)
                if pending.rows:
                    ended(after.complete)
        self.evident_target = self._target if after.complete else self._target_to_go_on
        if self._clean_up:
            return clean_up_after(after, self._target, self._output, self._stop)
        return after.complete

    def _look(self, closing_files: ExitStack) -> PendingCount:
        """Settle the cut-off and count what is pending.

        If the operator ended the look, return a result in which nothing is known to be pending.
        """
        try:
            with looking(self._target, self._stop, self._output.show_waits()) as (connection, _):
                self._settle(connection, closing_files)
                pending = count_rows(connection, self._target, self._leak_list, self._later)
        except StatementError:
            if not self._stop.requested:
                raise
            self.result.outcome = Outcome.STOPPED
            return PendingCount(0, is_estimate=True)
        if self._leak_list is not None and pending.listed is not None:
            self._output.say(summary.list_as_sentence(self._leak_list, pending.listed))
        return pending.count

    def _settle(self, connection: Connection, closing_files: ExitStack) -> None:
        """Find the rows that a cut-off means in spite of their markers; say what to type."""
        settled = settle_cut_off(connection, self._target)
        if settled is None:
            return
        if settled.later is not None:
            self._later = closing_files.enter_context(closing(settled.later))
        self._target = settled.target
        self._target_to_go_on = settled.target_to_go_on
        self._closing = self._closing_of(self._target_to_go_on)
        self._output.say(settled.as_sentence(to_go_on=self._closing.to_go_on))

    def _closing_of(self, target: Target) -> Closing:
        args = [*self._options.cli_args, *(["--finish"] if self._clean_up else [])]
        to_go_on = f"{target.command} {shlex.join(args)}".rstrip()
        return Closing(
            self._target,
            self._output,
            to_go_on,
            leak_list=self._leak_list,
            later=self._later,
            stop=self._stop,
            verdict_at_most_seconds=self._options.verdict_at_most_seconds,
            wait_for_locks_seconds=self._options.wait_for_locks_seconds,
        )

    def _rotate(self, pending: PendingCount) -> None:
        rows = summary.rows_to_rotate(self._options, pending)
        progress = Progress(rows, total_is_estimate=pending.is_estimate, clock=time.monotonic)
        status = LiveStatus()

        def observe(event: Event) -> None:
            status.note(event)
            if isinstance(event, BatchDone):
                progress.reach(self.result.rotated_rows, skipped_rows=event.skipped_rows)
            display.show(event)

        rotation = self._rotation(observe)
        self.result = rotation.result
        display = self._output.display(progress)
        record = Record(self._target)
        unrecorded_because = record.begin(self._options, rows)
        if unrecorded_because:
            self._output.warn(
                "This run leaves no record yet, and --stop cannot reach it: "
                f"{unrecorded_because}. It keeps trying to write one."
            )
        try:
            with recorded(record, rotation, progress, status, self._stop), closing(display):
                answering_signals(rotation.run, meanwhile=self._stop.again)
                answering_signals(partial(self._verify, observe), meanwhile=self._stop.again)
        except RotationError as error:
            raise self._closing.explain(error, self.result) from None

    def _verify(self, observe: Observer) -> None:
        """Read the table before the record says how it ended."""
        if self.result.outcome is not Outcome.COMPLETE:
            return
        self.result.settle(
            verify(
                self._target,
                at_most_seconds=self._options.verdict_at_most_seconds,
                observe=observe,
                leak_list=self._leak_list,
                later=self._later,
                stop=self._stop,
                retry_seconds=self._options.retry_seconds,
                wait_for_locks_seconds=self._options.wait_for_locks_seconds,
            )
        )

    def _rotation(self, observe: Observer) -> Rotation:
        return Rotation(
            self._target,
            self._options,
            observe=observe,
            stop=self._stop,
            clock=time.monotonic,
            leak_list=self._leak_list,
            later=self._later,
        )

    def _sum_up(self) -> Aftermath:
        advise = not self._clean_up and self.result.batches > 0
        return self._closing.sum_up(self.result, advise=advise)

    def _end_look(self) -> None:
        """End a look at the first request: no batch is in flight that could commit."""
        if self._stop.requested:
            self._stop.abort()
