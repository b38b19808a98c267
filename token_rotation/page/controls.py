"""Which buttons there are, and why there are no others."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.pacing.pace import Pace
from token_rotation.page.look import Look
from token_rotation.page.records import Records
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class Running:
    """A rotation that can be stopped, and given another pace.

    ``rate_is_fixed_because`` and ``batch_is_fixed_because`` say why that part of the pace cannot be
    changed.
    """

    number: int
    is_stopping: bool
    pace: Pace
    rate_is_fixed_because: str
    batch_is_fixed_because: str


@dataclass(frozen=True, slots=True)
class Controls:
    """``cannot_start_because`` is empty when a rotation can be started, with ``first_pace``."""

    may_control: bool
    label: str
    running: tuple[Running, ...]
    cannot_start_because: str
    command: str
    first_pace: Pace
    rate_of_spread: str


def controls_of(target: Target, look: Look, records: Records, *, may_control: bool) -> Controls:
    return Controls(
        may_control=may_control,
        label=target.label,
        running=tuple(
            Running(
                number=each.operation.pk,
                is_stopping=each.is_stopping,
                pace=each.pace,
                rate_is_fixed_because=RATE_OF_SPREAD if each.shares is not None else "",
                batch_is_fixed_because=FIXED_BATCHES if each.batch_size_is_fixed else "",
            )
            for each in records.at_work
        ),
        cannot_start_because=cannot_start_because(look, records),
        command=target.command,
        first_pace=Pace(),
        rate_of_spread=RATE_OF_SPREAD,
    )


RATE_OF_SPREAD = "Nobody counts for all the workers of a spread rotation."
FIXED_BATCHES = "It was started with --batch-rows, which fixes the size."


def cannot_start_because(look: Look, records: Records) -> str:
    """A sentence, or nothing where a rotation can be started.

    It is a courtesy: two at once share the rows and harm nothing.
    """
    if records.unreadable_because:
        return "A rotation that leaves no record could not be stopped from here."
    if records.at_work:
        return "One is running."
    if look.report is None:
        return "The table cannot be looked at."
    if not look.report.guard.intact:
        return "The guard has to be mended first."
    if look.report.counts.pending.rows == 0:
        return "Nothing is pending."
    return ""
