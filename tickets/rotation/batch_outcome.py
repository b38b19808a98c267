"""What one batch did."""

from __future__ import annotations

from dataclasses import dataclass


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
