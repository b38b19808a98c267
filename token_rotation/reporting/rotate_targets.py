"""Rotate several targets for an operator, and prove what was done."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.options import ListOptions, RotationOptions
from token_rotation.reporting.evidence import Evidence
from token_rotation.run.one_after_another import TargetEnd, one_after_another
from token_rotation.run.operator_run import OperatorRun
from token_rotation.run.output import Output
from token_rotation.run.selected import list_to_rotate
from token_rotation.selection.target import Target


def rotate_targets(
    targets: Sequence[Target],
    options: RotationOptions,
    output: Output,
    evidence: Evidence,
    *,
    listed: ListOptions | None,
    clean_up: bool,
) -> ExitCode:
    """Rotate one target after another; the evidence is written at the end.

    Raises RotationError, whose message says what is safe and how to go on.
    """

    def rotate(target: Target) -> TargetEnd:
        with list_to_rotate(target, listed) as leak_list:
            run = OperatorRun(target, options, output, leak_list=leak_list, clean_up=clean_up)
            done = run.run()
            evidence.add(target, options, result=run.result, leak_list=leak_list)
        return TargetEnd(done, run.stopped)

    ended = one_after_another(targets, rotate, output.warn)
    evidence.write()
    return ended
