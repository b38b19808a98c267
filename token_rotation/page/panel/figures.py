"""The progress of a rotation, in the command's words."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation import wording
from token_rotation.inspection.preflight import GuardState
from token_rotation.inspection.verdict.verdict import Verdict, damage_as_sentence
from token_rotation.page.look import Look
from token_rotation.page.running.records import TargetRecords
from token_rotation.page.running.running import RunningRotation
from token_rotation.page.running.waits import waits_of
from token_rotation.run.verdict_sentences import read_as_sentence, unverified_as_sentence
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of a target.

    ``state`` is a key of TITLES, ``sentence`` says what it means now. The states complete, empty,
    pending, unguarded and unverified come from the table. The states rotating, stopping and silent
    come from the records. In the states unready and unknown the table cannot be counted or reached.
    """

    state: str
    title: str
    sentence: str
    percent: float | None
    is_estimate: bool
    total: str
    rotated: str
    pending: str
    rate: str
    remaining: str
    waits: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def percent_in_words(self) -> str:
        """The percentage as text.

        An estimate says "about" and has no decimals.
        """
        if self.percent is None:
            return wording.UNKNOWN
        return f"about {self.percent:.0f}" if self.is_estimate else f"{self.percent:.2f}"

    @property
    def announcement(self) -> str:
        """The text for screen readers.

        It changes with the state and with each ten percent.
        """
        if self.percent is None or self.state not in {"rotating", "stopping"}:
            return f"{self.title}. {self.sentence}"
        return f"{self.title}, {int(self.percent // 10) * 10} %."


TITLES = {
    "complete": "Complete",
    "empty": "Nothing to rotate",
    "pending": "Rows are pending",
    "rotating": "Rotating",
    "silent": "No heartbeat",
    "stopping": "Stopping",
    "unguarded": "The guard is not whole",
    "unjudged": "The guard is of a later release",
    "unknown": "Unknown",
    "unready": "Not ready",
    "unverified": "Not verified",
}


def figures_of(target: Target, look: Look, records: TargetRecords) -> Figures:
    """Return the figures of the last look.

    The rows rotated since are subtracted.
    """
    pending, total, percent = _pending_total_percent(look, records)
    state = _state(look, records, pending)
    rates = [each.progress.rows_per_second() for each in records.at_work]
    rate = sum(each for each in rates if each is not None) or None
    return Figures(
        state=state,
        title=TITLES[state],
        sentence=_sentence(state, target, look, records),
        percent=percent,
        is_estimate=_total_is_estimate(look) or _pending_is_estimate(look),
        total=wording.count(total, is_estimate=_total_is_estimate(look)),
        rotated=wording.count(
            None if total is None or pending is None else total - pending,
            is_estimate=_total_is_estimate(look),
        ),
        pending=wording.count(pending, is_estimate=_pending_is_estimate(look)),
        rate=wording.rate(rate),
        remaining=wording.duration(pending / rate if pending is not None and rate else None),
        waits=waits_of(records),
        lines=tuple(_line(each) for each in records.at_work),
    )


def _pending_total_percent(
    look: Look, records: TargetRecords
) -> tuple[int | None, int | None, float | None]:
    pending = look.pending_rows(records.rows_since(look.counted_at))
    if look.report is None or pending is None:
        return None, None, None
    total = look.report.counts.total_rows
    return pending, total, wording.percent(total - pending, total) if total else None


def _total_is_estimate(look: Look) -> bool:
    return look.report is not None and look.report.counts.total_is_estimate


def _pending_is_estimate(look: Look) -> bool:
    return look.report is not None and look.report.counts.pending.is_estimate


def _state(look: Look, records: TargetRecords, pending: int | None) -> str:
    report = look.report
    if report is None:
        return "unready" if hasattr(look.error, "problems") else "unknown"
    if records.at_work:
        stopping = all(each.is_stopping for each in records.at_work)
        return "stopping" if stopping else "rotating"
    if report.guard.is_of_later_release:
        return "unjudged"
    if not report.guard.intact or (pending == 0 and not report.guard.holds):
        return "unguarded"
    if pending == 0 and not report.complete:
        return "unverified"
    if pending == 0:
        return "complete" if report.counts.total_rows else "empty"
    return "silent" if records.running else "pending"


def _sentence(state: str, target: Target, look: Look, records: TargetRecords) -> str:
    if state in {"unready", "unknown"} or look.report is None:
        return f"{look.error}."
    if state == "unverified":
        return f"{unverified_as_sentence(target, look.report.verdict)}. {_last_verified(records)}"
    if state == "silent":
        silent = records.running[0]
        return (
            f"Operation {silent.operation.pk} has sent no heartbeat for "
            f"{wording.duration(silent.silent_seconds)}: it was killed or is out of reach. Its "
            "rotated rows are safe. Start a rotation to continue."
        )
    return {
        "complete": "Nothing is pending and the guard is whole: no leaked token opens anything, "
        f"and none can come back. {read_as_sentence(look.report.verdict)}",
        "empty": f"The table {target.table} has no rows.",
        "pending": damage_as_sentence(look.report.verdict.damaged)
        if isinstance(look.report.verdict, Verdict) and look.report.verdict.damaged
        else "No rotation is running."
        if records.recent
        else "No rotation of this table has been started yet.",
        "rotating": "Traffic continues. You can stop or kill the rotation at any moment.",
        "stopping": "The current batch commits, then it ends. Rotated rows stay rotated.",
        "unjudged": "This code cannot judge it. That release's page can, and starts rotations.",
        "unguarded": f"A leaked token could come back. {_repair(look.report.guard)}",
    }[state]


def _repair(guard: GuardState) -> str:
    if guard.intact and guard.gaps:
        return f"{guard.gaps[0]}."
    return "No rotation starts until you repair it."


def _last_verified(records: TargetRecords) -> str:
    for run in records.recent:
        if run["verified_at"] is not None:
            return f"Last verified at {run['verified_at']} by operation {run['operation']}."
    return "No recent operation has verified it."


def _line(rotation: RunningRotation) -> str:
    """Return the line that the command prints for it."""
    progress, operation = rotation.progress, rotation.operation
    line = (
        f"operation {operation.pk}: rotated {progress.done_rows:,} of "
        f"{wording.count(progress.total_rows)} ({progress.percent:.2f} %), "
        f"{wording.rate(progress.rows_per_second())}, "
        f"{wording.duration(progress.remaining_seconds())} left"
    )
    if rotation.ranges is not None:
        line += f", {wording.ranges(rotation.ranges.at_work, rotation.ranges.waiting)}"
    return line
