"""The last operations of a target, with their outcomes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from token_rotation import wording
from token_rotation.page.running.records import TargetRecords
from token_rotation.reporting.history import outcome_of


@dataclass(frozen=True, slots=True)
class RecentRun:
    """One of the recent operations.

    ``kind`` is good, bad, busy or plain.
    """

    number: int
    started_at: datetime | None
    who: str
    kind: str
    outcome: str
    error: str | None
    rotated: str
    took: str


KINDS = {
    "complete": "good",
    "error": "bad",
    "found pending": "bad",
    "rows refused": "bad",
    "running": "busy",
}


@dataclass(frozen=True, slots=True)
class History:
    runs: tuple[RecentRun, ...]
    unreadable_because: str | None


def history_of(records: TargetRecords) -> History:
    silent = {each.operation.pk for each in records.running if each.is_silent}
    runs = tuple(_run(run, is_silent=run["operation"] in silent) for run in records.recent)
    return History(runs, records.unreadable_because)


def _run(run: dict[str, Any], *, is_silent: bool) -> RecentRun:
    outcome, started_at = outcome_of(run), run["started_at"]
    kind = "bad" if is_silent else KINDS.get(outcome, "plain")
    return RecentRun(
        number=run["operation"],
        started_at=None if started_at is None else datetime.fromisoformat(started_at),
        who=run["started_by"] or wording.UNKNOWN,
        kind=kind,
        outcome=f"{outcome}, distributed" if run["distributed"] else outcome,
        error="no heartbeat" if is_silent else run["error"] or run["refused"],
        rotated=f"{run['rotated_rows']:,}",
        took=wording.duration(run["seconds"]),
    )
