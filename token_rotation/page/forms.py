"""The form of a pace."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django import forms

from token_rotation.pacing.pace import LONGEST_PAUSE_SECONDS, MOST_BUDGET_MS, MOST_ROWS, Pace


class PaceForm(forms.Form):
    """A pace.

    Fields that the request leaves out stay as in ``before``.
    """

    max_rows_per_second = forms.IntegerField(min_value=1, max_value=MOST_ROWS, required=False)
    pause_seconds = forms.FloatField(min_value=0, max_value=LONGEST_PAUSE_SECONDS)
    traffic_budget_ms = forms.FloatField(min_value=0, max_value=MOST_BUDGET_MS)

    paused = forms.BooleanField(required=False)

    def __init__(self, data: Any, before: Pace) -> None:
        super().__init__(data)
        self._before = before
        for name in set(self.fields) - set(data):
            del self.fields[name]

    @property
    def pace(self) -> Pace:
        """The chosen pace of a valid form."""
        return replace(self._before, **self.cleaned_data)

    @property
    def complaint(self) -> str:
        """All errors, on one line."""
        said = (
            f"{NAMES[name]}: {' '.join(map(str, errors))}" for name, errors in self.errors.items()
        )
        return f"Nothing was changed. {' '.join(said)}"


NAMES = {
    "max_rows_per_second": "Rows per second",
    "pause_seconds": "Pause",
    "traffic_budget_ms": "Budget of traffic",
    "paused": "Pause",
}
