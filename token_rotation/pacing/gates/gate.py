"""Readings of the server's health, with pause thresholds.

The rotation pauses at the thresholds of each reading.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isinf
from typing import Any


class Lag(float):
    """Seconds that a standby is behind; infinite where it cannot tell."""

    standby = ""

    @classmethod
    def of(cls, standby: str, seconds: float) -> Lag:
        """Return the lag of a standby."""
        lag = cls(seconds)
        lag.standby = standby
        return lag

    def __str__(self) -> str:
        of = f" of standby {self.standby}" if self.standby else ""
        return f"replica lag{of} is unknown" if isinf(self) else f"replica lag {self:.1f} s{of}"


class Gate:
    """A gate that closes high and opens low.

    It closes above one threshold and opens at a lower one, so that it does not flutter.
    """

    def __init__(self, *, close_above: float, open_at: float) -> None:
        self._close_above = close_above
        self._open_at = open_at
        self.closed = False

    def update(self, reading: float) -> bool:
        """Take a reading.

        Return True when the gate is closed now.
        """
        self.closed = reading > (self._open_at if self.closed else self._close_above)
        return self.closed


@dataclass(slots=True)
class HealthSignal:
    """A reading of the server with its gate.

    ``tell`` words the reading for people.
    """

    kind: str
    gate: Gate
    read: Callable[[Any], float]
    tell: Callable[[float], str]
