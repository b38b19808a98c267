"""Looks at a shadow column, before and after a fill."""

from __future__ import annotations

from token_rotation.errors import NotReadyError
from token_rotation.inspection.counting import PendingCount, count_pending
from token_rotation.inspection.problem import Problem
from token_rotation.inspection.shadow_state import inspect_shadow
from token_rotation.run.pending import reading_until
from token_rotation.selection.shadow import Shadow
from token_rotation.stop import StopSignal


def count_to_fill(target: Shadow, stop: StopSignal | None = None) -> PendingCount:
    """Count what is pending in a table that is ready.

    Raises NotReadyError, before anything is written, and other RotationErrors when the database
    cannot be asked.
    """
    with reading_until(target.database, stop) as connection:
        state = inspect_shadow(connection, target)
        if state.problems:
            first, *others = state.problems
            safe = f"{first.sentence}. Nothing was changed. Run: {first.mend}"
            raise NotReadyError((safe, *map(str, others)))
        return count_pending(connection, target)


def gaps_of(target: Shadow) -> tuple[Problem, ...]:
    """Return what lets a filled row keep an old value. Raises RotationError."""
    with reading_until(target.database, None) as connection:
        return inspect_shadow(connection, target).gaps
