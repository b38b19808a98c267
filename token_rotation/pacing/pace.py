"""The pace of a rotation, changeable while it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from token_rotation.options import RotationOptions

LONGEST_PAUSE_SECONDS = 3600.0
MOST_ROWS = 10**9
MOST_BUDGET_MS = 60_000.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace, in the meaning and units of RotationOptions.

    Raises ValueError for numbers that are no pace.
    """

    pause_seconds: float = 0.0
    max_rows_per_second: int | None = None
    traffic_budget_ms: float = 5.0
    paused: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.pause_seconds <= LONGEST_PAUSE_SECONDS:
            raise ValueError("the pause is from 0 seconds to an hour")
        if self.max_rows_per_second is not None and not 1 <= self.max_rows_per_second <= MOST_ROWS:
            raise ValueError("a limit is from 1 to 1,000,000,000 rows per second")
        if not 0 <= self.traffic_budget_ms <= MOST_BUDGET_MS:
            raise ValueError("a budget is from 0 to 60,000 milliseconds; 0: no regard to traffic")

    def __str__(self) -> str:
        """Return the pace as text for people.

        For example ``at most 500 rows/s, 0.1 s between batches, traffic slower by at most 5 ms``.
        """
        if self.paused:
            return "a pause until somebody resumes it"
        words = ["no limit to the rate"]
        if self.max_rows_per_second is not None:
            words = [f"at most {self.max_rows_per_second:,} rows/s"]
        if self.pause_seconds:
            words.append(f"{self.pause_seconds:g} s between batches")
        beside = f"traffic slower by at most {self.traffic_budget_ms:g} ms"
        words.append(beside if self.traffic_budget_ms else "no regard to traffic")
        return ", ".join(words)

    def as_word(self) -> dict[str, Any]:
        """Return the JSON value for the process that runs it.

        A record keeps the value. The process runs the rotation.
        """
        return {"pace": asdict(self)}


def pace_of(options: RotationOptions) -> Pace:
    """The pace that a rotation begins with."""
    return Pace(
        pause_seconds=min(options.pause_seconds, LONGEST_PAUSE_SECONDS),
        max_rows_per_second=options.max_rows_per_second,
        traffic_budget_ms=options.traffic_budget_ms,
    )


def pace_asked_for(word: Any) -> Pace | None:
    """Return the pace in a stored word.

    None where there is none that this code understands.
    """
    try:
        return Pace(**word["pace"])
    except (KeyError, TypeError, ValueError):
        return None


class PaceListener:
    """A listener that passes each new wish on once.

    It hears the same wish again and again.
    """

    def __init__(self, change: Callable[[Pace], None]) -> None:
        self._change = change
        self._last: Pace | None = None

    def hear(self, word: Any) -> None:
        pace = pace_asked_for(word)
        if pace is not None and pace != self._last:
            self._last = pace
            self._change(pace)
