"""Read-only snapshot of a target, for every reader."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from token_rotation import wording
from token_rotation.errors import NotReadyError
from token_rotation.inspection import advice
from token_rotation.inspection.counting import (
    COUNT_AT_MOST_SECONDS,
    Counts,
    PendingCount,
    count_pending,
    estimate_rows,
)
from token_rotation.inspection.measure import measure_server, measure_storage
from token_rotation.inspection.preflight import GuardState, inspect
from token_rotation.inspection.storage import Storage
from token_rotation.inspection.verdict.heap_read import HeapRead
from token_rotation.inspection.verdict.verdict import Unread, Verdict
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.look_connection import LOCKED_AT_MOST_SECONDS
from token_rotation.postgres.reading import reading
from token_rotation.reporting.guard_values import guard_values
from token_rotation.reporting.verified import Verified
from token_rotation.retired.kept import mend_retired, verify_none_in_use
from token_rotation.selection.target import Target
from token_rotation.verification.looked_at import looked_at_by


@dataclass(frozen=True, slots=True)
class Report:
    """Counts, sizes and guard of a target, and advice.

    ``complete``: a read of the whole table found nothing pending, and every guard trigger fires. So
    no leaked token opens anything, and none can come back. ``selection_complete`` says so of the
    selection alone; ``outside`` counts the pending rows beside it, where it leaves rows out.
    ``runs`` are the last ones, as ``history`` gives them; ``verified`` is the last run whose read
    found nothing pending. ``retired_rows`` have a token that was retired; None where they were not
    counted.
    """

    target: Target
    counts: Counts
    storage: Storage
    guard: GuardState
    verdict: Verdict | Unread
    advice: tuple[str, ...] = ()
    runs: tuple[dict[str, Any], ...] = ()
    verified: Verified | None = None
    retired_rows: int | None = None
    outside: PendingCount | None = None

    @property
    def pending_everywhere(self) -> int:
        return self.counts.pending.rows + (self.outside.rows if self.outside else 0)

    @property
    def rotated(self) -> int:
        return max(0, self.counts.total_rows - self.pending_everywhere)

    @property
    def percent(self) -> float:
        return wording.percent(self.rotated, self.counts.total_rows)

    @property
    def complete(self) -> bool:
        return self.verdict.nothing_anywhere and self.selection_complete

    @property
    def selection_complete(self) -> bool:
        return self.verdict.nothing_pending and self.guard.holds and not self.retired_rows

    @property
    def next_command(self) -> str | None:
        """Return what to type next.

        None when there is nothing to do.
        """
        in_the_way = self.guard.gaps if self.verdict.nothing_pending else ()
        for problem in (*self.guard.problems, *in_the_way):
            return problem.mend
        if self.complete:
            return None
        if isinstance(self.verdict, Unread) and self.counts.pending.rows == 0:
            return f"{self.target.command} --report --exact"
        if isinstance(self.verdict, Verdict) and not self.verdict.server.is_primary:
            return f"{self.target.command} --report on the primary"
        if isinstance(self.verdict, Verdict) and self.verdict.is_written:
            return f"{self.target.command} --report when those transactions have ended"
        if isinstance(self.verdict, Verdict) and self.verdict.damaged:
            mends = "; ".join(each.mend for each in self.verdict.damaged)
            return f"{mends} in psql, then {self.target.command}"
        if self.verdict.nothing_pending and self.retired_rows:
            return mend_retired(self.target)
        if self.selection_complete:
            return self.target.unnarrowed.command
        if self.runs and self.runs[0].get("refused"):
            return f"mend what the last run was refused, then {self.target.command}"
        return self.target.command

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
            "pending_outside": self.outside and self.outside.rows,
            "later_than_the_clock": self.counts.later_rows,
            "rows_with_a_retired_token": self.retired_rows,
            "percent": self.percent,
            "complete": self.complete,
            "selection_complete": self.selection_complete,
            "verdict": self.verdict.as_values(),
            "tables_looked_at": looked_at_by(self.verdict).as_dict(),
            "last_verified_at": self.verified and self.verified.at,
            "last_verified_by_operation": self.verified and self.verified.operation,
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


def make_report(
    target: Target,
    *,
    exact: bool,
    compares_rows: bool = True,
    locked_seconds: float = LOCKED_AT_MOST_SECONDS,
) -> Report:
    """Look at the target now.

    ``exact`` counts however long it takes. ``compares_rows`` as for ``inspect``, ``locked_seconds``
    as for ``reading``.

    Raises NotReadyError when the table or one of its columns does not exist, or this role sees
    only a part of it.
    """
    bound = None if exact else COUNT_AT_MOST_SECONDS
    with reading(target.database, locked_seconds=locked_seconds) as connection:
        guard = inspect(connection, target, compares_rows=compares_rows)
        if not guard.triggers or guard.is_blind:
            raise NotReadyError(tuple(str(problem) for problem in guard.problems))
        verdict = HeapRead(connection, target, at_most_seconds=bound).run()
        counts = _counts(connection, target, verdict)
        storage = measure_storage(connection, target, rows=counts.total_rows)
        outside = _outside(connection, target, verdict)
        verdict, retired = verify_none_in_use(connection, target, verdict, bound)
        report = Report(
            target, counts, storage, guard, verdict, retired_rows=retired, outside=outside
        )
        return replace(report, advice=tuple(_advice(connection, report)))


def _counts(connection: Connection, target: Target, verdict: Verdict | Unread) -> Counts:
    if isinstance(verdict, Unread):
        return estimate_rows(connection, target)
    pending = PendingCount(verdict.pending, is_estimate=False)
    sums = verdict.sums
    return Counts(verdict.rows, False, pending, sums.first, sums.last, sums.later)


def _outside(
    connection: Connection, target: Target, verdict: Verdict | Unread
) -> PendingCount | None:
    """Count what is pending beside the selection; None where it leaves no row out."""
    if not target.selection.leaves_rows_out:
        return None
    if isinstance(verdict, Verdict):
        return PendingCount(verdict.outside, is_estimate=False)
    everywhere, selected = (count_pending(connection, each) for each in (target.unnarrowed, target))
    is_estimate = everywhere.is_estimate or selected.is_estimate
    return PendingCount(max(0, everywhere.rows - selected.rows), is_estimate)


def _advice(connection: Connection, report: Report) -> list[str]:
    target, pending = report.target, report.pending_everywhere
    if pending:
        return advice.before_rotation(measure_server(connection, target), target.table, pending)
    return advice.after_rotation(report.storage, report.counts.total_rows, target.clean_up_command)


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
