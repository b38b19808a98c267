"""Sentences about a shadow column and its fill."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation import wording
from token_rotation.engine.result import Outcome, Result
from token_rotation.inspection.counting import PendingCount
from token_rotation.inspection.problem import Problem
from token_rotation.inspection.verdict.verdict import Unread, Verdict, damage_as_sentence
from token_rotation.options import RotationOptions
from token_rotation.run.verdict_sentences import read_as_sentence
from token_rotation.selection.shadow import Shadow


def plan_as_sentence(target: Shadow, options: RotationOptions, pending: PendingCount) -> str:
    """Say what a fill would do."""
    rows = wording.count(pending.rows, is_estimate=pending.is_estimate)
    return (
        f"{target.label}: would fill {rows} rows, {options.workers} batches at a time. "
        "Nothing was written."
    )


def work_as_sentence(result: Result) -> str:
    """Say how many rows were filled, and how fast."""
    rate = result.rotated_rows / result.seconds if result.seconds else None
    return (
        f"{wording.things(result.rotated_rows, 'row')} filled in "
        f"{wording.duration(result.seconds)} ({wording.rate(rate)})"
    )


def error_as_sentence(target: Shadow, result: Result, error: Exception) -> str:
    """Say what is safe after an error, and what to type."""
    said = str(error).rstrip(".")
    return f"{said}. {work_as_sentence(result)}, all of them safe. To go on: {target.command}"


def end_as_sentence(target: Shadow, result: Result) -> str:
    """Say why a fill ended before nothing was pending."""
    refused = f"{result.refused.as_sentence()}. " if result.refused else ""
    reason = f"{result.reason[0].upper()}{result.reason[1:]}"
    return f"{reason}. {refused}To go on: {target.command}"


def verdict_as_sentence(
    target: Shadow, verdict: Verdict | Unread | None, gaps: Sequence[Problem]
) -> str:
    """Say what a read of the whole table found, and what to type."""
    if isinstance(verdict, Verdict) and verdict.pending:
        rows = f"{verdict.pending:,} of {wording.things(verdict.rows, 'row')} pending"
        damage = f"{damage_as_sentence(verdict.damaged)}. " if verdict.damaged else ""
        return f"{rows}. {damage}To fill: {target.command}"
    if verdict is None or not verdict.nothing_pending:
        because = "the table was not read"
        if isinstance(verdict, Unread):
            because = verdict.because
        elif verdict is not None:
            because = verdict.unproven_because
        return (
            f"Nothing is pending by the index, but that was not verified: {because}. "
            f"To verify: {target.command} --report --exact"
        )
    if gaps:
        return f"Nothing is pending, but {'; also: '.join(map(str, gaps))}"
    return f"Nothing is pending. {read_as_sentence(verdict)}"


def pending_as_sentence(target: Shadow, pending: PendingCount, verdict: Verdict | Unread) -> str:
    """Say what is pending, by the table if that was read."""
    if isinstance(verdict, Verdict):
        return verdict_as_sentence(target, verdict, ())
    rows = wording.count(pending.rows, is_estimate=pending.is_estimate)
    return f"{rows} rows pending by the index. To fill: {target.command}"


def rule_as_sentence(target: Shadow) -> str:
    """Say which later changes nobody notices; "" where triggers follow all."""
    if not target.guard_triggers:
        return "No trigger is declared: a filled row keeps its value when its sources change."
    if target.unfollowed:
        tables = ", ".join(target.unfollowed)
        return f"No trigger follows {tables}: a filled row keeps its value when those rows change."
    return ""


def is_over(result: Result) -> bool:
    """Return True if the fill found nothing pending by its index."""
    return result.outcome in {Outcome.COMPLETE, Outcome.FOUND_PENDING, Outcome.NOT_VERIFIED}
