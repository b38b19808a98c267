"""A distributed rotation for an operator: begin it, and watch it."""

from __future__ import annotations

import json
import time
from typing import TextIO

from token_rotation import wording
from token_rotation.distributed.dispatch import dispatch, ensure_dispatchable
from token_rotation.distributed.follow import Follower, result_of
from token_rotation.distributed.inputs import input_of, target_of
from token_rotation.distributed.records import running_rotations
from token_rotation.errors import NotDispatchableError, RotationError, WithdrawnError
from token_rotation.options import RotationOptions
from token_rotation.run.run import Run
from token_rotation.run.summary import say
from token_rotation.selection.target import Target


class Operator:
    """Begins distributed rotations of one target, and shows their progress.

    With progress as JSON, ``out`` holds nothing but JSON lines and the sentences go to ``err``.
    """

    def __init__(
        self, target: Target, run: Run, *, progress_mode: str, out: TextIO, err: TextIO
    ) -> None:
        self._target = target
        self._run = run
        self._mode = progress_mode
        self._out = out
        self._err = err

    def begin(self, options: RotationOptions) -> bool:
        """Send the pending rows to the workers; return True when nothing is pending.

        Raises RotationError: nothing was rotated, unless the message says so.
        """
        try:
            ensure_dispatchable(self._target.database)
            pending = self._run.look()
            if pending.rows == 0:
                self._say(f"{self._target.label}: nothing is pending; nothing was handed out.")
                return True
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
        if self._mode == "json":
            line = {"event": "handed_out", "operation": rotation.pk, "ranges": ranges}
            say(json.dumps({**line, "total_rows": pending.rows}), self._out)
        self._say(
            f"{self._target.label}: operation {rotation.pk}, {pending.rows:,} pending rows in "
            f"{wording.things(ranges, 'range')}, is with the workers. "
            f"{self._target.whole_command} --follow shows how far they are, --stop stops them."
        )
        return False

    def follow(self) -> bool:
        """Show every running distributed rotation of the target to its end.

        Returns True when nothing is pending. Ctrl-C ends the display and nothing else. Raises
        RotationError when a rotation has failed.
        """
        rotations = [
            rotation
            for rotation in running_rotations()
            if input_of(rotation).get("database") == self._target.database
            and input_of(rotation).get("model") == self._target.label
        ]
        if not rotations:
            self._say(f"{self._target.label}: no rotation is with the workers.")
            return self._run.look().rows == 0
        complete = True
        for rotation in rotations:
            follower = Follower(rotation, mode=self._mode, out=self._out, err=self._err)
            if not follower.watch(time.monotonic):
                say(
                    f"\nNo longer following; the workers go on. {self._target.whole_command} "
                    "--follow follows again, --stop stops them.",
                    self._err,
                )
                return False
            complete = self._sum_up(follower)
        return complete

    def _sum_up(self, follower: Follower) -> bool:
        result, error = result_of(follower.rotation)
        run = self._run.of(target_of(follower.rotation))
        if error is not None:
            raise run.completed(RotationError(error.message or error.type), result)
        return run.sum_up(result, offer_finish=True).complete

    def _say(self, line: str) -> None:
        say(line, self._err if self._mode == "json" else self._out)
