"""The buttons, and the reasons for missing ones."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.inspection.verdict.verdict import Verdict
from token_rotation.pacing.pace import Pace
from token_rotation.page.look import Look
from token_rotation.page.running.records import TargetRecords
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class Running:
    """A rotation that can be stopped or given another pace.

    ``rate_is_fixed_because`` and ``batch_is_fixed_because`` say why that part of the pace cannot
    change; they are empty if it can.
    """

    number: int
    is_stopping: bool
    pace: Pace
    rate_is_fixed_because: str
    batch_is_fixed_because: str


@dataclass(frozen=True, slots=True)
class Controls:
    """The buttons that the page offers for a target.

    ``cannot_start_because`` is empty if a rotation can start; ``first_pace`` fills its form.
    """

    may_control: bool
    label: str
    running: tuple[Running, ...]
    cannot_start_because: str
    command: str
    first_pace: Pace
    rate_of_workers: str


def controls_of(
    target: Target, look: Look, records: TargetRecords, *, may_control: bool
) -> Controls:
    return Controls(
        may_control=may_control,
        label=target.label,
        running=tuple(
            Running(
                number=each.operation.pk,
                is_stopping=each.is_stopping,
                pace=each.pace,
                rate_is_fixed_because=RATE_OF_WORKERS if each.ranges is not None else "",
                batch_is_fixed_because=FIXED_BATCHES if each.batch_size_is_fixed else "",
            )
            for each in records.at_work
        ),
        cannot_start_because=cannot_start_because(look, records),
        command=target.command,
        first_pace=Pace(),
        rate_of_workers=RATE_OF_WORKERS,
    )


RATE_OF_WORKERS = "Rate limits do not span workers."
FIXED_BATCHES = "It was started with --batch-rows, which fixes the size."


def cannot_start_because(look: Look, records: TargetRecords) -> str:
    """Return a sentence, or "" if a rotation can start.

    Two rotations at once do no harm: they share the rows.
    """
    if records.unreadable_because:
        return "Without its record you could not stop it here."
    if records.at_work:
        return "A rotation is running."
    if look.report is None:
        return "The table cannot be read."
    if look.report.guard.is_of_later_release:
        return "Start it in the later release."
    if not look.report.guard.intact:
        return "Repair the guard first."
    if look.report.counts.pending.rows == 0:
        return "Nothing is pending." if look.report.complete else "None is pending by the index."
    if isinstance(look.report.verdict, Verdict) and look.report.verdict.damaged:
        return "Rebuild the damaged index first."
    return ""
