"""The table after a rotation."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.engine.result import Outcome, Result
from token_rotation.errors import RotationError
from token_rotation.inspection import advice
from token_rotation.inspection.counting import PendingCount, count_outside, estimated_rows
from token_rotation.inspection.measure import measure_storage
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.postgres.connection import Connection
from token_rotation.run.pending import count_rows, reading_until
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.later_rows import LaterRows


@dataclass(frozen=True, slots=True)
class Aftermath:
    """Findings of a look at the table after a run.

    ``pending`` and ``guard`` are None when the look failed. ``outside`` counts rows that are
    pending beside a complete selection, with the same cut-off; None where there can be none.
    ``advice`` is about the clean-up, when it is worth its work.
    """

    pending: PendingCount | None
    guard: GuardState | None
    unknown_because: str = ""
    outside: PendingCount | None = None
    advice: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Return True when the selection is done and guarded.

        No selected row is pending, and every guard trigger fires, so no leaked token can come back.
        """
        return bool(self.pending and self.pending.rows == 0 and self.guard and self.guard.holds)

    @property
    def nothing_anywhere(self) -> bool:
        """Return True when no row at all is pending.

        That is: ``complete``, and nothing outside of the selection is pending.
        """
        return self.complete and not (self.outside and self.outside.rows)


def look_after(
    target: Target,
    result: Result,
    *,
    leak_list: LeakList | None = None,
    later: LaterRows | None = None,
    advise: bool = False,
    stop: StopSignal | None = None,
) -> Aftermath:
    """Look at the table at the end of a run.

    With ``advise``, look also at what a clean-up would mend. Somebody may have damaged the guard
    meanwhile, and the server may be gone.
    """
    try:
        with reading_until(target.database, stop) as connection:
            guard = inspect(connection, target)
            pending = count_rows(connection, target, leak_list, later).count
            if pending.is_estimate and _looked_at_all(target, result, leak_list):
                # The rotation has just looked at every row, which this look had no time for.
                pending = PendingCount(0, is_estimate=False)
            outside = None
            if pending.rows == 0 and target.selection.leaves_rows_out:
                outside = count_outside(connection, target)
            found = Aftermath(pending, guard, outside=outside)
            if advise and pending.rows == 0 and not (outside and outside.rows):
                said = _advice(connection, target, result)
                found = Aftermath(pending, guard, outside=outside, advice=said)
            return found
    except RotationError as error:
        return Aftermath(None, None, unknown_because=str(error))


def _looked_at_all(target: Target, result: Result, leak_list: LeakList | None) -> bool:
    is_indexed = leak_list is None and target.selection.is_indexed
    return result.outcome is Outcome.COMPLETE and not is_indexed


def _advice(connection: Connection, target: Target, result: Result) -> tuple[str, ...]:
    # Too low after a VACUUM that met rows on the move.
    rows = max(estimated_rows(connection, target), result.rotated_rows)
    storage = measure_storage(connection, target, rows=rows)
    return tuple(advice.after_rotation(storage, rows, target.clean_up_command))
