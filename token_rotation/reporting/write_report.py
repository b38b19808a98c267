"""Report on several targets, and prove what the report says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from token_rotation.errors import StatementError
from token_rotation.options import ReportOptions
from token_rotation.reporting.evidence import Evidence
from token_rotation.reporting.formats import FORMATS
from token_rotation.reporting.history import last_runs
from token_rotation.reporting.report import Report, make_report
from token_rotation.reporting.verified import last_verified
from token_rotation.selection.target import Target


def write_report(
    targets: Sequence[Target],
    asked: ReportOptions,
    say: Callable[[str], None],
    evidence: Evidence,
) -> bool:
    """Report on each target; return True when all are complete.

    Raises NotReadyError when a table or one of its columns does not exist, EvidenceError. Where a
    table cannot be read, the reports of the others come first. Then it raises StatementError, and
    writes no evidence.
    """
    reports, failures = [], []
    for target in targets:
        try:
            reports.append(_report(target, asked))
        except StatementError as error:
            failures.append(str(error))
    if reports:
        say(FORMATS[asked.format](reports))
    if failures:
        raise StatementError("; also: ".join(failures))
    for report in reports:
        evidence.add(report.target, verdict=report.verdict)
    evidence.write()
    return all(report.complete for report in reports)


def _report(target: Target, asked: ReportOptions) -> Report:
    return replace(
        make_report(target, exact=asked.exact),
        runs=last_runs(target),
        verified=last_verified(target),
    )
