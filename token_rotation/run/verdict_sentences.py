"""Sentences about the read of a table that verifies a rotation."""

from __future__ import annotations

from token_rotation import wording
from token_rotation.inspection.verdict.verdict import (
    Unread,
    Verdict,
    damage_as_sentence,
)
from token_rotation.selection.target import Target


def unverified_as_sentence(target: Target, verdict: Verdict | Unread | None) -> str:
    """Say what is known of a table whose heap was not read, or proves nothing."""
    if isinstance(verdict, Verdict) and not verdict.server.is_primary:
        return f"Nothing is pending here, but {verdict.unproven_because}"
    by_index, because = " by the index", "the table was not read"
    if isinstance(verdict, Verdict):
        by_index, because = "", verdict.unproven_because
    elif verdict is not None:
        because = verdict.because
    return (
        f"Nothing is pending{by_index}, but that was not verified: {because}. Rotated rows are "
        f"safe. To verify: {target.command} --report --exact"
    )


def surprise_as_sentence(target: Target, verdict: Verdict | Unread) -> str:
    """Say what a read of the table found where the index had nothing pending."""
    if isinstance(verdict, Unread) or verdict.pending == 0:
        return f"{target.label}: {unverified_as_sentence(target, verdict)}"
    found = f"{target.label}: {verdict.pending:,} rows are pending."
    if verdict.damaged:
        return f"{found} {damage_as_sentence(verdict.damaged)}. Then: {target.command}"
    return f"{found} Run: {target.command}"


def read_as_sentence(verdict: Verdict | Unread | None) -> str:
    """Say what was read to verify that nothing is pending."""
    if not isinstance(verdict, Verdict):
        return ""
    name, *others = (each.name for each in verdict.relations)
    of = f"{name} and {wording.things(len(others), 'table')} below it" if others else name
    rows, seconds = wording.things(verdict.rows, "row"), wording.duration(verdict.seconds)
    return f"Verified: read all {rows} of {of}, in one snapshot of {seconds}."
