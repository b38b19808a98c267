"""What happened to a run, a line each, for people."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils import timezone

from token_rotation.operations.models import BatchOperation

LOG, APPROVED = "log", "approved"
NOTES_AT_MOST = 30
"""The last so many notes of an attempt are kept: they are written with each batch."""

CHARACTERS_AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Line:
    at: datetime
    text: str


class Notes:
    """The notes in an operation's record, and those of this attempt that are to be written."""

    def __init__(self, operation: BatchOperation) -> None:
        self._notes = deque(_stored(operation), maxlen=NOTES_AT_MOST)

    def add(self, text: str) -> None:
        self._notes.append([timezone.now().isoformat(), text[:CHARACTERS_AT_MOST]])

    def as_json(self) -> list[list[str]]:
        return list(self._notes)


def log_of(operation: BatchOperation) -> tuple[Line, ...]:
    """Return all that the record knows, the earliest first."""
    asked = f"asked for by {operation.started_by or operation.os_user or 'somebody'}"
    approved = approval_of(operation)
    times: list[tuple[Any, str]] = [
        (operation.created_at, asked),
        (approved and approved.get("at"), f"approved by {approved and approved.get('by')}"),
        (operation.started_at, "begun"),
        *((at, text) for at, text in _stored(operation)),
        (operation.stop_requested_at, "asked to stop"),
        (operation.finished_at, "ended"),
    ]
    lines = [Line(time, text) for at, text in times if (time := _time(at)) is not None]
    return tuple(sorted(lines, key=lambda line: line.at))


def approval_of(operation: BatchOperation) -> dict[str, Any] | None:
    """Return who approved the run, and when; None where nobody has."""
    live: Any = operation.live_data
    approved = live.get(APPROVED) if isinstance(live, dict) else None
    return approved if isinstance(approved, dict) else None


def _stored(operation: BatchOperation) -> list[list[str]]:
    live: Any = operation.live_data
    notes = live.get(LOG) if isinstance(live, dict) else None
    found = notes if isinstance(notes, list) else []
    return [each for each in found if isinstance(each, list) and list(map(type, each)) == [str] * 2]


def _time(value: Any) -> datetime | None:
    if not isinstance(value, str):
        return value if isinstance(value, datetime) else None
    try:
        time = datetime.fromisoformat(value)
    except ValueError:
        return None
    return time if timezone.is_aware(time) else None
