"""Preview of a rotation, without doing it."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.options import ListOptions, RotationOptions
from token_rotation.run import summary
from token_rotation.run.one_after_another import TargetEnd, one_after_another
from token_rotation.run.output import Output
from token_rotation.run.pending import look
from token_rotation.run.selected import list_to_rotate
from token_rotation.run.verdict_sentences import surprise_as_sentence
from token_rotation.run.verify import verify
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target


def dry_run(
    target: Target, options: RotationOptions, output: Output, leak_list: LeakList | None
) -> bool:
    """Say what a rotation would do.

    Return True when nothing is pending, which a read of the table verifies. Raises as ``look``.
    """
    pending = look(target, leak_list=leak_list)
    if leak_list is not None and pending.listed is not None:
        output.say(summary.list_as_sentence(leak_list, pending.listed))
    output.say(summary.plan_as_sentence(target, options, pending.count))
    if pending.to_try:
        output.say(summary.trial_as_sentence(target, pending.to_try))
    if pending.count.rows:
        return False
    verdict = verify(
        target,
        at_most_seconds=options.verdict_at_most_seconds,
        observe=output.show_waits(),
        wait_for_locks_seconds=options.wait_for_locks_seconds,
        leak_list=leak_list,
    )
    if not verdict.nothing_pending:
        output.say(surprise_as_sentence(target, verdict))
    return verdict.nothing_pending


def dry_run_targets(
    targets: Sequence[Target],
    options: RotationOptions,
    output: Output,
    *,
    listed: ListOptions | None,
) -> ExitCode:
    """Say what a rotation of each target would do.

    Raises RotationError.
    """

    def show(target: Target) -> TargetEnd:
        with list_to_rotate(target, listed) as leak_list:
            return TargetEnd(dry_run(target, options, output, leak_list))

    return one_after_another(targets, show, output.warn)
