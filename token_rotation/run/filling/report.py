"""What is filled and what is pending, from a read of the whole table."""

from __future__ import annotations

from token_rotation.inspection.counting import COUNT_AT_MOST_SECONDS
from token_rotation.options import RotationOptions
from token_rotation.run.filling import sentences
from token_rotation.run.filling.look import count_to_fill, gaps_of
from token_rotation.run.output import Output
from token_rotation.run.verify import verify
from token_rotation.selection.shadow import Shadow


def report_fill(target: Shadow, output: Output, *, exact: bool) -> bool:
    """Say how far a column is; return True when a read of the heap found nothing pending.

    ``exact`` reads however long it takes. Raises as ``count_to_fill``.
    """
    pending, gaps = count_to_fill(target), gaps_of(target)
    seconds = None if exact else COUNT_AT_MOST_SECONDS
    verdict = verify(target, at_most_seconds=seconds, observe=output.show_waits())
    said = sentences.verdict_as_sentence(target, verdict, gaps)
    if pending.rows and not verdict.nothing_pending:
        said = sentences.pending_as_sentence(target, pending, verdict)
    output.say(f"{target.label}: {said} {sentences.rule_as_sentence(target)}".rstrip())
    return verdict.nothing_pending and not gaps


def plan_fill(target: Shadow, options: RotationOptions, output: Output) -> bool:
    """Say what a fill would do; where nothing is, return True as ``report_fill`` does."""
    pending = count_to_fill(target)
    if not pending.rows:
        return report_fill(target, output, exact=False)
    output.say(sentences.plan_as_sentence(target, options, pending))
    return False
