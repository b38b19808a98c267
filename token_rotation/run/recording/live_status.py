"""Current status of a run, for those who watch it."""

from __future__ import annotations

from typing import Any

from token_rotation.events import BatchDone, Event, Retrying, Verifying, Waiting


class LiveStatus:
    """Reason for a run's wait, and its next batch size.

    The run's threads note every event; another thread reads it about once a second.
    """

    def __init__(self) -> None:
        self._waiting_for: str | None = None
        self._batch_rows: int | None = None
        self._giving_way_because = ""

    def note(self, event: Event) -> None:
        match event:
            case BatchDone():
                self._waiting_for = None
                self._batch_rows = event.next_batch_rows
                self._giving_way_because = event.giving_way_because
            case Waiting():
                self._waiting_for = event.reason
            case Verifying():
                self._waiting_for = str(event)
            case Retrying():
                self._waiting_for = f"retry {event.attempt}: {event.reason}"

    def as_json(self) -> dict[str, Any]:
        """Return JSON values.

        ``waiting_for`` is a reason or None, ``batch_rows`` the next size.
        """
        return {
            "waiting_for": self._waiting_for,
            "batch_rows": self._batch_rows,
            "giving_way_because": self._giving_way_because,
        }
