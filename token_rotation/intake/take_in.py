"""The one entry of reported tokens."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from traceback import extract_tb

from django.db import connections, router

from token_rotation.errors import LeakReportError, ListError, RotationError
from token_rotation.intake.columns import IntakeColumn, intake_columns
from token_rotation.intake.outcome import LeakOutcome
from token_rotation.intake.record import ReportRecord
from token_rotation.intake.report import LeakReport, ReportedToken
from token_rotation.intake.rotation import ReportedRotation, Rotated
from token_rotation.notify.announcements import announce_revoked
from token_rotation.operations.models import BatchOperation
from token_rotation.security_log import SecurityEvent, tell

OWN_CODE = "application"
AROUND_A_TOKEN = " \t\r\n\"'`,;"


def report_leak(tokens: Iterable[str]) -> LeakOutcome:
    """Rotate each token that opens something, at once; return what became of them.

    It commits by itself, whatever transaction the caller is in. Rows of that transaction are locked
    for it, so call it outside of one. Raises ListError for tokens that are no text, and
    LeakReportError.
    """
    listed = tuple(tokens)
    if isinstance(tokens, str) or not all(isinstance(each, str) for each in listed):
        raise ListError("report_leak() takes texts, one for each token. Nothing was done")
    return take_in(LeakReport(tuple(map(ReportedToken, listed)), OWN_CODE))


def take_in(report: LeakReport) -> LeakOutcome:
    """Deal with a report: drop noise, rotate, record, then tell.

    A report that comes again changes nothing but what the first one left. Raises LeakReportError
    for what nobody foresaw, and UnknownTargetError or TokenSourceError for a wrong declaration.
    """
    if connections[router.db_for_write(BatchOperation)].vendor != "postgresql":
        raise LeakReportError("tokens are rotated on PostgreSQL alone. Nothing was done")
    record = ReportRecord(report)
    rotated: dict[IntakeColumn, Rotated] = {}
    with record.kept():
        outcome = _rotate_quietly(report, rotated)
        record.end(outcome)
    if outcome.has_acted or (outcome.found and not record.is_repeat):
        _tell(report, outcome)
    for column, done in rotated.items():
        if done.keys:
            announce_revoked(column.target, done.keys)
    return outcome


def _rotate_quietly(report: LeakReport, rotated: dict[IntakeColumn, Rotated]) -> LeakOutcome:
    """Let no token get into a traceback: an error may quote one, and so may the frames."""
    try:
        return _rotate(report, rotated)
    except RotationError:
        raise
    except Exception as error:  # noqa: BLE001  (it may quote a token)
        *_, place = extract_tb(error.__traceback__)
        what = f"{type(error).__name__} at {place.filename}:{place.lineno}"
    raise LeakReportError(
        f"{what}. It is not known what is left of the reported tokens. Mend that, then send the "
        "same report again"
    )


def _rotate(report: LeakReport, rotated: dict[IntakeColumn, Rotated]) -> LeakOutcome:
    """Rotate in each column that may hold one of the tokens; other columns cost nothing."""
    texts, columns = report.texts, intake_columns()
    asked: set[str] = set()
    found: set[str] = set()
    left: set[str] = set()
    for column in columns:
        tokens_of = _by_stored_text(column, texts)
        if not tokens_of:
            continue
        done = rotated[column] = ReportedRotation(column.target, is_even=report.is_even).run(
            list(tokens_of)
        )
        asked |= _tokens(tokens_of, tokens_of)
        found |= _tokens(tokens_of, done.found)
        left |= _tokens(tokens_of, done.left)
    return LeakOutcome(
        reported=len(texts),
        dropped=len(texts) - len(asked),
        found=frozenset(found),
        left=frozenset(left),
        rotated_rows={each.target.label: len(d.keys) for each, d in rotated.items() if d.keys},
        left_rows={each.target.label: d.left_keys for each, d in rotated.items() if d.left_keys},
        failures={each.target.label: d.failure for each, d in rotated.items() if d.failure},
        unsearched=tuple(each.target.label for each in columns if not each.is_searchable),
    )


def _by_stored_text(column: IntakeColumn, texts: Sequence[str]) -> dict[str, list[str]]:
    """Return the tokens that the column can hold, by the database's text of them.

    What a line, a cell or a list in code has left around a token is not of it: the token is looked
    up without, too.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for text in texts:
        for each in {text, text.strip(), text.strip(AROUND_A_TOKEN)}:
            stored = column.stored_text(each)
            if stored is not None:
                found[stored].append(text)
    return found


def _tokens(tokens_of: Mapping[str, list[str]], stored: Iterable[str]) -> set[str]:
    return {token for text in stored for token in tokens_of[text]}


def _tell(report: LeakReport, outcome: LeakOutcome) -> None:
    tell(
        SecurityEvent.LEAK_REPORTED,
        "leaked tokens were reported",
        door=report.door,
        reported=outcome.reported,
        found=len(outcome.found),
        rotated_rows=sum(outcome.rotated_rows.values()),
        not_rotated=len(outcome.left),
        complete=outcome.is_complete,
    )
