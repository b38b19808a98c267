"""Last words of a run.

They are its summary, or what its error means.
"""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.engine.result import Result
from token_rotation.errors import (
    AbortedError,
    DatabaseGoneError,
    NotReadyError,
    RotationError,
    UnyieldingRowsError,
)
from token_rotation.options import RotationOptions
from token_rotation.run import summary
from token_rotation.run.aftermath import Aftermath, look_after
from token_rotation.run.output import Output
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.later_rows import LaterRows


@dataclass(frozen=True, slots=True)
class Closing:
    """Sentences about how rotations of a target ended.

    ``to_go_on`` is the command that continues one.
    """

    target: Target
    output: Output
    to_go_on: str
    leak_list: LeakList | None = None
    stop: StopSignal | None = None
    verdict_at_most_seconds: float = RotationOptions().verdict_at_most_seconds
    wait_for_locks_seconds: float = RotationOptions().wait_for_locks_seconds
    later: LaterRows | None = None

    def sum_up(self, result: Result, *, advise: bool) -> Aftermath:
        """Look at the table and say how the rotation ended.

        With ``advise``, say also whether a clean-up is worth its work.
        """
        after = look_after(
            self.target,
            result,
            verdict_at_most_seconds=self.verdict_at_most_seconds,
            wait_for_locks_seconds=self.wait_for_locks_seconds,
            observe=self.output.show_waits(),
            leak_list=self.leak_list,
            later=self.later,
            advise=advise,
            stop=self.stop,
        )
        self.output.event(summary.end_event(result, after, None))
        self.output.say(summary.as_sentence(self.target, result, after, to_go_on=self.to_go_on))
        return after

    def explain(self, error: RotationError, result: Result) -> RotationError:
        """Return the error with advice to continue.

        Its message says what is safe and what to type. Write the last JSON line.
        """
        self.output.event(summary.end_event(result, None, str(error)))
        if isinstance(error, NotReadyError):  # it says that nothing was changed
            return error
        if isinstance(error, UnyieldingRowsError):
            return RotationError(f"{error}, then: {self.to_go_on}")
        said = str(error).rstrip(".")  # libpq's sentences have one of their own
        kind = type(error) if isinstance(error, DatabaseGoneError | AbortedError) else RotationError
        return kind(
            f"{said}. The {result.rotated_rows:,} rows rotated by this run are safe, nothing is "
            f"half done. {summary.go_on(result, self.to_go_on)}"
        )
