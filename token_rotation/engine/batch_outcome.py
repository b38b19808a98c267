"""What one batch did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class FirstRow(Enum):
    """What became of the first pending row of a range."""

    ROTATED = auto()
    HELD = auto()
    """Others have it still."""
    RESISTS = auto()
    """It was had, and is pending after an UPDATE without an error."""
    LEFT = auto()
    """None was pending any more, or its token was taken: the next pass tells."""


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What committed: rows rotated, and rows left pending because others held them.

    ``held`` is False when rows that the UPDATE reported as changed were found pending again.
    """

    rotated_rows: int
    skipped_rows: int = 0
    held: bool = True

    def __add__(self, other: BatchOutcome) -> BatchOutcome:
        return BatchOutcome(
            self.rotated_rows + other.rotated_rows,
            self.skipped_rows + other.skipped_rows,
            held=self.held and other.held,
        )
