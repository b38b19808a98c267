"""The clean-up as an operator runs it.

It follows a rotation, or runs by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation import wording
from token_rotation.command_line.exit_code import ExitCode
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.maintenance.cleanup import ENDING, STOPPING, Cleanup
from token_rotation.run.aftermath import Aftermath
from token_rotation.run.one_after_another import TargetEnd, one_after_another
from token_rotation.run.output import Output
from token_rotation.run.pending import look
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal


def clean_up(target: Target, output: Output, stop: StopSignal) -> bool:
    """Clean up when nothing is pending.

    Return False when it was left out or stopped.

    Raises NotReadyError when guard, columns or indexes are not as they must be.
    """
    pending = look(target).count
    if pending.rows:
        rows = wording.count(pending.rows, is_estimate=pending.is_estimate)
        output.say(
            f"{target.label}: {rows} rows are pending, so the clean-up was left out. Nothing was "
            f"done. Rotate first: {target.command}"
        )
        return False
    return _clean_up(target, output, stop)


def clean_up_after(after: Aftermath, target: Target, output: Output, stop: StopSignal) -> bool:
    """Clean up when a rotation has left nothing pending.

    Return False when somebody stopped it.

    If rows are pending or the guard fails, say that the clean-up was left out. The run then counts
    as complete or not without it.
    """
    if not after.nothing_anywhere:
        output.say("The clean-up was left out: it comes when nothing is pending.")
        return after.complete
    return _clean_up(target, output, stop)


def _clean_up(target: Target, output: Output, stop: StopSignal) -> bool:
    with stop_on_signal(stop, stopping=STOPPING, aborting=ENDING):
        return Cleanup(target, say=output.say, stop=stop, observe=output.show_waits()).run()


def clean_up_targets(targets: Sequence[Target], output: Output) -> ExitCode:
    """Clean up one target after another.

    Raises RotationError.
    """
    stop = StopSignal()

    def clean(target: Target) -> TargetEnd:
        return TargetEnd(clean_up(target, output, stop), stop.requested)

    return one_after_another(targets, clean, output.warn)
