"""Rotate several targets for an operator."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.engine.result import Result
from token_rotation.options import ListOptions, RotationOptions
from token_rotation.run.one_after_another import TargetEnd, one_after_another
from token_rotation.run.operator_run import OperatorRun
from token_rotation.run.output import Output
from token_rotation.run.selected import list_to_rotate
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target

OnEnd = Callable[[Target, Result, LeakList | None], None]


def rotate_targets(
    targets: Sequence[Target],
    options: RotationOptions,
    output: Output,
    *,
    listed: ListOptions | None,
    clean_up: bool,
    on_end: OnEnd,
) -> ExitCode:
    """Rotate one target after another.

    Call ``on_end`` after each that did not fail.

    Raises RotationError, whose message says what is safe and how to go on.
    """

    def rotate(target: Target) -> TargetEnd:
        with list_to_rotate(target, listed) as leak_list:
            run = OperatorRun(target, options, output, leak_list=leak_list, clean_up=clean_up)
            done = run.run()
            on_end(run.evident_target, run.result, leak_list)
        return TargetEnd(done, run.stopped)

    return one_after_another(targets, rotate, output.warn)
