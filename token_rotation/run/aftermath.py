"""The table after a rotation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from token_rotation.engine.result import Outcome, Result
from token_rotation.errors import RotationError
from token_rotation.events import Observer
from token_rotation.inspection import advice
from token_rotation.inspection.counting import PendingCount, estimated_rows
from token_rotation.inspection.keeping import keeps
from token_rotation.inspection.measure import measure_storage
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.inspection.tell_guard import tell_guard
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.inspection.verdict.writers_wait import WRITERS_AT_MOST_SECONDS
from token_rotation.postgres.connection import Connection
from token_rotation.retired.kept import verify_none_in_use
from token_rotation.run.pending import count_rows, reading_until
from token_rotation.run.verify import verify
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal
from token_rotation.targets.later_rows import LaterRows


@dataclass(frozen=True, slots=True)
class Aftermath:
    """Findings of a look at the table after a run.

    ``pending`` and ``guard`` are None when the look failed. ``verdict`` is what a read of the heap
    found; None where there was none, since the index has pending rows. ``outside`` counts rows
    that are pending beside a complete selection, with the same cut-off; None where there can be
    none. ``retired_rows`` have a token that was retired; they are counted where a table keeps such
    tokens and nothing else is left. ``advice`` is about the clean-up, when it is worth its work.
    """

    pending: PendingCount | None
    guard: GuardState | None
    unknown_because: str = ""
    verdict: Verdict | Unread | None = None
    outside: PendingCount | None = None
    retired_rows: int = 0
    advice: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Return True when the selection is done and guarded.

        A read of the whole table found no selected row pending and no retired token, and every
        guard trigger fires, so no leaked token can come back.
        """
        verified = self.verdict is not None and self.verdict.nothing_pending
        nothing = self.pending is not None and self.pending.rows == 0
        return (
            bool(verified and nothing and self.guard and self.guard.holds) and not self.retired_rows
        )

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
    verdict_at_most_seconds: float,
    wait_for_locks_seconds: float = WRITERS_AT_MOST_SECONDS,
    observe: Observer,
    leak_list: LeakList | None = None,
    later: LaterRows | None = None,
    advise: bool = False,
    stop: StopSignal | None = None,
) -> Aftermath:
    """Look at the table at the end of a run.

    Read it once to verify that nothing is pending, unless the run has done so. With ``advise``,
    look also at what a clean-up would mend. Somebody may have damaged the guard meanwhile, and the
    server may be gone.
    """
    try:
        with reading_until(target.database, stop, observe) as connection:
            pending = count_rows(connection, target, leak_list, later).count
            looked_at_all = pending.is_estimate and _looked_at_all(target, result, leak_list)
            if pending.rows and not looked_at_all:
                guard = _guard(connection, target)
                return Aftermath(pending, guard, verdict=result.verdict)
        if result.verdict is None:
            result.settle(
                verify(
                    target,
                    at_most_seconds=verdict_at_most_seconds,
                    observe=observe,
                    leak_list=leak_list,
                    later=later,
                    stop=stop,
                    wait_for_locks_seconds=wait_for_locks_seconds,
                )
            )
        with reading_until(target.database, stop, observe) as connection:
            found = _verified(target, result.verdict, _guard(connection, target))
            if found.complete and keeps(target):
                found = _with_retired(connection, target, found, verdict_at_most_seconds)
            if advise and found.nothing_anywhere:
                found = replace(found, advice=_advice(connection, target, result))
            return found
    except RotationError as error:
        return Aftermath(None, None, unknown_because=str(error))


def _guard(connection: Connection, target: Target) -> GuardState:
    guard = inspect(connection, target)
    tell_guard(target, guard.wrong)
    return guard


def _verified(target: Target, verdict: Verdict | Unread | None, guard: GuardState) -> Aftermath:
    if not isinstance(verdict, Verdict):
        return Aftermath(PendingCount(0, is_estimate=False), guard, verdict=verdict)
    pending = PendingCount(verdict.pending, is_estimate=False)
    outside = None
    if pending.rows == 0 and target.selection.leaves_rows_out:
        outside = PendingCount(verdict.outside, is_estimate=False)
    return Aftermath(pending, guard, verdict=verdict, outside=outside)


def _with_retired(
    connection: Connection, target: Target, found: Aftermath, at_most_seconds: float
) -> Aftermath:
    verdict = found.verdict
    if verdict is None:
        return found
    verdict, rows = verify_none_in_use(connection, target, verdict, at_most_seconds)
    return replace(found, verdict=verdict, retired_rows=rows or 0)


def _looked_at_all(target: Target, result: Result, leak_list: LeakList | None) -> bool:
    is_indexed = leak_list is None and target.selection.is_indexed
    return result.outcome is Outcome.COMPLETE and not is_indexed


def _advice(connection: Connection, target: Target, result: Result) -> tuple[str, ...]:
    # Too low after a VACUUM that met rows on the move.
    rows = max(estimated_rows(connection, target), result.rotated_rows)
    storage = measure_storage(connection, target, rows=rows)
    return tuple(advice.after_rotation(storage, rows, target.clean_up_command))
