"""Reports as text, JSON or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence

from token_rotation import wording
from token_rotation.inspection.verdict.verdict import (
    Unread,
    Verdict,
    damage_as_sentence,
)
from token_rotation.reporting.history import as_line
from token_rotation.reporting.report import Report
from token_rotation.retired.kept import retired_in_use
from token_rotation.verification.looked_at import looked_at_by


def as_text(reports: Sequence[Report]) -> str:
    """Return a block of lines for each target, for people."""
    return "\n\n".join(_block(report) for report in reports)


def as_json(reports: Sequence[Report]) -> str:
    """Return one object, or a list for several targets."""
    objects = [report.as_dict() for report in reports]
    return json.dumps(objects[0] if len(objects) == 1 else objects, indent=2)


def as_csv(reports: Sequence[Report]) -> str:
    """Return a header and a line for each target.

    The guard is "ok" or its problems.
    """
    lines = io.StringIO()
    rows = [
        {**report.as_dict(), "guard": _guard(report), "advice": "; ".join(report.advice)}
        for report in reports
    ]
    for row in rows:
        del row["runs"], row["verdict"], row["tables_looked_at"]  # tables of their own
    writer = csv.DictWriter(lines, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return lines.getvalue().rstrip("\n")


FORMATS = {"text": as_text, "json": as_json, "csv": as_csv}


def _block(report: Report) -> str:
    counts, storage, values = report.counts, report.storage, report.as_dict()
    total = wording.count(counts.total_rows, is_estimate=counts.total_is_estimate)
    rotated = wording.count(report.rotated, is_estimate=counts.total_is_estimate)
    pending = wording.count(counts.pending.rows, is_estimate=counts.pending.is_estimate)
    lines = {
        report.target.label: f"on database {report.target.database!r}{_table(report)}",
        **({"selection": values["selection"]} if values["selection"] else {}),
        "total": total,
        "rotated": f"{rotated} ({report.percent:.2f} %)",
        "pending": pending,
        **({"outside": _outside(report)} if report.outside else {}),
        **({"later than now": f"{counts.later_rows:,} markers"} if counts.later_rows else {}),
        "complete": _complete(report),
        "looked at": looked_at_by(report.verdict).in_short,
        "first rotated at": values["first_rotated_at"] or wording.UNKNOWN,
        "last rotated at": values["last_rotated_at"] or wording.UNKNOWN,
        "table size": wording.size(storage.table_bytes),
        "index size": wording.size(storage.index_bytes),
        "dead rows": wording.count(storage.dead_rows),
        "guard": _guard(report),
        "next": report.next_command or _nothing_to_do(report),
    }
    advice = (("advice", line) for line in report.advice)
    runs = (("last run", as_line(run)) for run in report.runs)
    more = (*advice, *runs)
    return "\n".join(f"{name:<17} {value}" for name, value in (*lines.items(), *more))


def _table(report: Report) -> str:
    verdict = report.verdict
    return f", table {verdict.relations[0].name}" if isinstance(verdict, Verdict) else ""


def _complete(report: Report) -> str:
    """Say yes only after a read of the whole table."""
    if report.complete:
        return "yes"
    if report.selection_complete:
        return f"no: the selection is, but {_outside(report)}"
    verdict = report.verdict
    verified = report.verified or "never verified"
    if isinstance(verdict, Unread) and report.counts.pending.rows == 0:
        return f"not verified ({verdict.because}): none pending by the index; {verified}"
    if isinstance(verdict, Verdict) and verdict.damaged:
        return f"no: {damage_as_sentence(verdict.damaged)}"
    if isinstance(verdict, Verdict) and verdict.pending == 0 and verdict.unproven_because:
        return f"not verified: {verdict.unproven_because}; {verified}"
    if verdict.nothing_pending and report.retired_rows:
        return f"no: {retired_in_use(report.retired_rows)}"
    return "no"


def _outside(report: Report) -> str:
    if report.outside is None:
        return ""
    rows, is_estimate = report.outside.rows, report.outside.is_estimate
    noun, verb = ("row", "is") if rows == 1 else ("rows", "are")
    said = wording.count(rows, is_estimate=is_estimate)
    return f"{said} {noun} outside of it {verb} pending"


def _nothing_to_do(report: Report) -> str:
    # Whoever forgot to say which database sees an empty one.
    is_empty = report.counts.total_rows == 0 and not report.counts.total_is_estimate
    return "nothing to do: the table is empty" if is_empty else "nothing to do"


def _guard(report: Report) -> str:
    said = [each.sentence for each in (*report.guard.wrong, *report.guard.warnings)]
    if not report.guard.wrong:
        said.insert(0, "ok (triggers enabled, indexes valid)")
    return "; ".join(said)
