"""Read-only snapshot of a target, for every reader."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from token_rotation import wording
from token_rotation.errors import NotReadyError
from token_rotation.inspection import advice
from token_rotation.inspection.counting import COUNT_AT_MOST_SECONDS, Counts, count_rows
from token_rotation.inspection.measure import measure_server, measure_storage
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.inspection.storage import Storage
from token_rotation.postgres.connection import Connection, reading
from token_rotation.reporting.guard_values import guard_values
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class Report:
    """Counts, sizes and guard of a target, and advice.

    ``complete``: nothing is pending and every guard trigger fires. So no leaked token opens
    anything, and none can come back. ``runs`` are the last ones, as ``history`` gives them.
    """

    target: Target
    counts: Counts
    storage: Storage
    guard: GuardState
    advice: tuple[str, ...] = ()
    runs: tuple[dict[str, Any], ...] = ()

    @property
    def rotated(self) -> int:
        return self.counts.total_rows - self.counts.pending.rows

    @property
    def percent(self) -> float:
        return wording.percent(self.rotated, self.counts.total_rows)

    @property
    def complete(self) -> bool:
        return self.counts.pending.rows == 0 and self.guard.holds

    @property
    def next_command(self) -> str | None:
        """Return what to type next.

        None when there is nothing to do.
        """
        if self.guard.problems:
            return self.guard.problems[0].mend
        return None if self.complete else self.target.command

    def as_dict(self) -> dict[str, Any]:
        """Return plain values for JSON.

        Times are ISO 8601; unknown is None.
        """
        return {
            "model": self.target.label,
            "database": self.target.database,
            "selection": shlex.join(self.target.selection.cli_args) or None,
            "total": self.counts.total_rows,
            "total_is_estimate": self.counts.total_is_estimate,
            "rotated": self.rotated,
            "pending": self.counts.pending.rows,
            "pending_is_estimate": self.counts.pending.is_estimate,
            "later_than_the_clock": self.counts.later_rows,
            "percent": self.percent,
            "complete": self.complete,
            "first_rotated_at": _iso(self.counts.first_rotated_at),
            "last_rotated_at": _iso(self.counts.last_rotated_at),
            "table_bytes": self.storage.table_bytes,
            "index_bytes": self.storage.index_bytes,
            "dead_rows": self.storage.dead_rows,
            "guard": guard_values(self.guard),
            "advice": list(self.advice),
            "runs": list(self.runs),
            "next_command": self.next_command,
        }


def make_report(target: Target, *, exact: bool) -> Report:
    """Look at the target now.

    ``exact`` counts however long it takes.

    Raises NotReadyError when the table or one of its columns does not exist.
    """
    bound = None if exact else COUNT_AT_MOST_SECONDS
    with reading(target.database) as connection:
        guard = inspect(connection, target)
        if not guard.triggers:
            raise NotReadyError(tuple(str(problem) for problem in guard.problems))
        counts = count_rows(connection, target, at_most_seconds=bound)
        storage = measure_storage(connection, target, rows=counts.total_rows)
        said = _advice(connection, target, counts, storage)
        return Report(target, counts, storage, guard, tuple(said))


def _advice(connection: Connection, target: Target, counts: Counts, storage: Storage) -> list[str]:
    pending = counts.pending.rows
    if pending:
        return advice.before_rotation(measure_server(connection, target), target.table, pending)
    return advice.after_rotation(storage, counts.total_rows, target.clean_up_command)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
