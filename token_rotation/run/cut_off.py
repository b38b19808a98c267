"""The cut-off of a run, made safe whatever the clocks did."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from token_rotation import wording
from token_rotation.postgres.connection import Connection
from token_rotation.selection.target import Target
from token_rotation.targets.later_rows import LaterRows, find_later_rows
from token_rotation.targets.resolve import database_clock


@dataclass(frozen=True, slots=True)
class SettledCutOff:
    """A target with the cut-off of its run.

    ``typed`` is the cut-off before. ``later`` are rows whose marker was later than the database's
    clock; None if there are none. The caller closes them.
    """

    target: Target
    typed: datetime
    later: LaterRows | None = None

    @property
    def target_to_go_on(self) -> Target:
        """The target whose command goes on after a kill.

        Its cut-off is later than the markers that this run has found to be later than the clock.
        When somebody types the command, the clock may have passed them.
        """
        covering = None if self.later is None else self.later.covering_cut_off
        selection = self.target.selection
        cut_off = selection.issued_before
        if covering is None or cut_off is None or covering <= cut_off:
            return self.target
        return replace(self.target, selection=replace(selection, issued_before=covering))

    def as_sentence(self, *, to_go_on: str) -> str:
        """Say beforehand what counts, and what to type after a kill."""
        cut_off = self.target.selection.issued_before
        moment = "–" if cut_off is None else cut_off.isoformat()
        said = f"{self.target.label}: tokens issued before {moment}."
        if cut_off is not None and self.typed > cut_off:
            said += (
                f" The cut-off {self.typed.isoformat()} lies ahead of the database's clock, so "
                "every token that exists now counts."
            )
        if self.later is not None:
            rows = wording.things(self.later.rows, "row")
            said += (
                f" {rows} with a marker later than the database's clock count as issued before it "
                "and come first."
            )
        return f"{said} To go on after a kill: {to_go_on}"


def settle_cut_off(connection: Connection, target: Target) -> SettledCutOff | None:
    """Settle the cut-off of a run that starts now; None without one.

    Where a list alone says what to rotate, look-ups of the list find such rows. Driver errors pass
    through.
    """
    typed = target.selection.issued_before
    if typed is None:
        return None
    if target.selection.is_list_only:
        selection = target.selection.settled_at(database_clock(connection))
        return SettledCutOff(replace(target, selection=selection), typed)
    target, later = find_later_rows(connection, target)
    if later.rows == 0:
        later.close()
        return SettledCutOff(target, typed)
    return SettledCutOff(target, typed, later)
