"""Where a rotation stands, in the command's own words."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation import wording
from token_rotation.page.look import Look
from token_rotation.page.records import Records, RunningRotation
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class Figures:
    """``state`` is one of the words below, ``sentence`` what it means just now.

    complete, pending, unguarded (as the data say); rotating, stopping, silent (as the records say);
    unready, unknown (nothing can be counted, or reached).
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
        """An estimate does not pass for exact: it has no decimals."""
        if self.percent is None:
            return wording.UNKNOWN
        return f"about {self.percent:.0f}" if self.is_estimate else f"{self.percent:.2f}"

    @property
    def announcement(self) -> str:
        """For ears: another one only with a new state, or ten percent further."""
        if self.percent is None or self.state not in {"rotating", "stopping"}:
            return f"{self.title}. {self.sentence}"
        return f"{self.title}, {int(self.percent // 10) * 10} %."


TITLES = {
    "complete": "Complete",
    "empty": "Nothing to rotate",
    "pending": "Rows are pending",
    "rotating": "Rotating",
    "silent": "No sign of life",
    "stopping": "Stopping",
    "unguarded": "The guard is not whole",
    "unknown": "Unknown",
    "unready": "Not ready",
}


def figures_of(target: Target, look: Look, records: Records) -> Figures:
    """The table's figures, with what has been rotated since the look taken off."""
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
        waits=_waits(records),
        lines=tuple(_line(each) for each in records.running),
    )


def _pending_total_percent(
    look: Look, records: Records
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


def _state(look: Look, records: Records, pending: int | None) -> str:
    report = look.report
    if report is None:
        return "unready" if hasattr(look.error, "problems") else "unknown"
    if records.at_work:
        stopping = all(each.is_stopping for each in records.at_work)
        return "stopping" if stopping else "rotating"
    if not report.guard.intact or not report.guard.holds:
        return "unguarded"
    if pending == 0:
        return "complete" if report.counts.total_rows else "empty"
    return "silent" if records.running else "pending"


def _sentence(state: str, target: Target, look: Look, records: Records) -> str:
    if state in {"unready", "unknown"}:
        return f"{look.error}."
    if state == "silent":
        silent = records.running[0]
        return (
            f"Operation {silent.operation.pk} has given no sign of life for "
            f"{wording.duration(silent.silent_seconds)}: killed, or out of reach. What it has done "
            "is safe; starting again goes on where the data say."
        )
    return {
        "complete": "Nothing is pending and the guard is whole: no leaked token opens anything, "
        "and none can come back.",
        "empty": f"The table {target.table} has no rows.",
        "pending": "No rotation is running."
        if records.recent
        else "No rotation of this table has been started yet.",
        "rotating": "Traffic goes on while it runs. It can be stopped, or killed, at any moment.",
        "stopping": "The running batch commits, then it ends. What is done stays done.",
        "unguarded": "A leaked token could come back, so no rotation starts until that is mended.",
    }[state]


def _waits(records: Records) -> tuple[str, ...]:
    said: list[str] = []
    for each in records.at_work:
        said += each.waits
        if each.shares is not None and not each.shares.at_work and each.shares.waiting:
            said.append("a worker that takes a range")
        if not each.waits:
            said += _why_slow(each)
    if records.at_work:
        return tuple(said) or ("nothing",)
    return (wording.UNKNOWN,)


def _why_slow(rotation: RunningRotation) -> tuple[str, ...]:
    """Of a rotation that is in no trouble."""
    pace, batch_rows = rotation.pace, rotation.gives_way_with
    if pace.max_rows_per_second is not None or pace.pause_seconds > 0:
        return (f"the pace asked for: {pace}",)
    if batch_rows is not None:
        return (f"nothing; it gives way to traffic, with batches of {batch_rows:,} rows",)
    return ()


def _line(rotation: RunningRotation) -> str:
    """As the command's lines are."""
    progress, operation = rotation.progress, rotation.operation
    line = (
        f"operation {operation.pk}: rotated {progress.done_rows:,} of "
        f"{wording.count(progress.total_rows)} ({progress.percent:.2f} %), "
        f"{wording.rate(progress.rows_per_second())}, "
        f"{wording.duration(progress.remaining_seconds())} left"
    )
    if rotation.shares is not None:
        line += f", {wording.ranges(rotation.shares.at_work, rotation.shares.waiting)}"
    return line
