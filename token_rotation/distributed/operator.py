"""A distributed rotation for an operator: begin and watch it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

from token_rotation import wording
from token_rotation.distributed.dispatch import dispatch, ensure_dispatchable
from token_rotation.distributed.follow import Follower, result_of
from token_rotation.distributed.inputs import input_of, target_of
from token_rotation.distributed.records import records_database, running_rotations
from token_rotation.engine.result import Outcome
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import (
    NotDispatchableError,
    RotationError,
    StatementError,
    WithdrawnError,
)
from token_rotation.inspection.counting import PendingCount
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import reason_of
from token_rotation.postgres.faults.table_locks import table_locks_after
from token_rotation.postgres.opening import own_session
from token_rotation.run.closing import Closing
from token_rotation.run.cut_off import settle_cut_off
from token_rotation.run.output import Output
from token_rotation.run.pending import count_rows, look, looking
from token_rotation.run.recording.record import DATABASE_ERRORS
from token_rotation.run.security_trail import tell_begun
from token_rotation.run.verdict_sentences import surprise_as_sentence
from token_rotation.run.verify import verify
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.later_rows import LaterRows, count_kept_in_heap


class Operator:
    """The distributed rotations of one target: begin and follow them."""

    def __init__(self, target: Target, output: Output) -> None:
        self._target = target
        self._output = output

    def begin(self, options: RotationOptions) -> bool:
        """Send the pending rows to the workers.

        Returns True when nothing is pending. Raises RotationError: nothing was rotated, unless the
        message says so.
        """
        try:
            ensure_dispatchable(self._target.database)
            pending = self._look(options)
            if pending.rows == 0:
                return self._nothing_to_do(options, "nothing was handed out")
            rotation, ranges = dispatch(self._target, options, pending)
        except NotDispatchableError as error:
            raise RotationError(
                f"{error}. Nothing was rotated. {self._target.command} without --async works here"
            ) from None
        except WithdrawnError as error:
            raise RotationError(
                f"{error}. Its workers stop; what they have rotated is safe. To go on without "
                f"them: {self._target.command}"
            ) from None
        tell_begun(self._target, pending.rows)
        event = {"event": "handed_out", "operation": rotation.pk, "ranges": ranges}
        self._output.event({**event, "total_rows": pending.rows})
        self._output.say(
            f"{self._target.label}: operation {rotation.pk}, "
            f"{wording.things(pending.rows, 'pending row')} in {wording.things(ranges, 'range')}; "
            f"workers rotate {'it' if pending.rows == 1 else 'them'}. "
            f"{self._target.whole_command} --follow shows how far they are, --stop stops them."
        )
        return False

    def _look(self, options: RotationOptions) -> PendingCount:
        """Settle the cut-off and count what is pending.

        Rotate the rows here that a cut-off means in spite of their markers: a worker sees the
        markers alone.
        """
        with looking(self._target, None) as (connection, _):
            settled = settle_cut_off(connection, self._target)
            if settled is not None:
                self._target = settled.target
                to_go_on = f"{settled.target_to_go_on.command} --async"
                self._output.say(settled.as_sentence(to_go_on=to_go_on))
                if settled.later is not None:
                    with closing(settled.later) as later:
                        self._rotate(connection, later, options, to_go_on)
            return count_rows(connection, self._target, None).count

    def _rotate(
        self, connection: Connection, later: LaterRows, options: RotationOptions, to_go_on: str
    ) -> None:
        selection = replace(self._target.selection, list_args=("--only",))
        rotation = Rotation(
            replace(self._target, selection=selection),
            options,
            observe=lambda _: None,
            stop=StopSignal(),
            clock=time.monotonic,
            later=later,
        )
        result = rotation.run()
        if result.outcome is Outcome.ROWS_REFUSED:
            self._output.say(f"{self._target.label}: {result.refused.as_sentence()}.")
        elif result.outcome is not Outcome.COMPLETE:
            raise RotationError(
                f"{self._target.label}: {result.outcome.value} among the rows whose marker is "
                f"later than the database's clock. Nothing was handed out. To go on: {to_go_on}"
            )
        kept_rows = count_kept_in_heap(connection, self._target, later)
        if kept_rows and not result.refused:
            raise RotationError(
                f"{self._target.label}: {wording.things(kept_rows, 'row')} whose marker is later "
                "than the database's clock were not found by the index of the primary key. Nothing "
                f"was handed out. REINDEX it, then: {to_go_on}"
            )

    def follow(self, options: RotationOptions) -> bool:
        """Show the target's running distributed rotations to their end.

        Returns True when nothing is pending. Ctrl-C ends the display and nothing else. Raises
        RotationError when a rotation has failed, or the records cannot be read.
        """
        rotations = self._running()
        if not rotations:
            self._output.say(f"{self._target.label}: no workers rotate it now.")
            is_rest = look(self._target).count.rows > 0
            return not is_rest and self._nothing_to_do(options, "nothing was followed")
        complete = True
        for rotation in rotations:
            follower = Follower(
                rotation, mode=self._output.mode, out=self._output.out, err=self._output.err
            )
            if not follower.watch(time.monotonic):
                self._output.warn(
                    f"\nNo longer following; the workers go on. {self._target.whole_command} "
                    "--follow follows again, --stop stops them."
                )
                return False
            complete = self._sum_up(follower, options)
        return complete

    def _nothing_to_do(self, options: RotationOptions, done: str) -> bool:
        """Verify that nothing is pending; return True when so."""
        verdict = verify(
            self._target,
            at_most_seconds=options.verdict_at_most_seconds,
            wait_for_locks_seconds=options.wait_for_locks_seconds,
            observe=self._output.show_waits(),
        )
        if verdict.nothing_pending:
            self._output.say(f"{self._target.label}: nothing is pending; {done}.")
        else:
            self._output.say(surprise_as_sentence(self._target, verdict))
        return verdict.nothing_pending

    def _running(self) -> list[BatchOperation]:
        """Return the target's distributed rotations. Raises StatementError."""
        try:
            return [
                rotation
                for rotation in running_rotations().readable()
                if input_of(rotation).get("database") == self._target.database
                and input_of(rotation).get("model") == self._target.label
            ]
        except DATABASE_ERRORS as error:
            raise StatementError(
                f"The records of running rotations cannot be read: {reason_of(error)}"
                f"{table_locks_after(error, records_database())}. Following changes nothing. "
                f"Try again: {self._target.whole_command} --follow"
            ) from None

    def _sum_up(self, follower: Follower, options: RotationOptions) -> bool:
        result, error = result_of(follower.rotation)
        target = target_of(follower.rotation)
        closing = Closing(
            target,
            self._output,
            to_go_on=target.command,
            verdict_at_most_seconds=options.verdict_at_most_seconds,
            wait_for_locks_seconds=options.wait_for_locks_seconds,
        )
        if error is not None:
            raise closing.explain(RotationError(error.message or error.type), result)
        return closing.sum_up(result, advise=True).complete


def operate(
    targets: Sequence[Target],
    options: RotationOptions,
    output: Output,
    *,
    begin: bool,
    follow: bool,
) -> bool:
    """Begin distributed rotations, follow them, or both.

    Returns True when nothing is pending. Workers do not take this process for traffic. Raises
    RotationError.
    """
    complete = True
    with own_session(records_database(), observe=output.show_waits()):
        for target in targets:
            operator = Operator(target, output)
            done = operator.begin(options) if begin else False
            if follow and not done:
                done = operator.follow(options)
            complete = done and complete
    return complete
