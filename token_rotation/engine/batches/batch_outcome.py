"""What one batch did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What committed: rows rotated, and rows left pending because others lock them.

    ``did_not_stick``: rows that the UPDATE reported as changed were found pending again.
    """

    rotated_rows: int
    skipped_rows: int = 0
    did_not_stick: bool = False

    def __add__(self, other: BatchOutcome) -> BatchOutcome:
        return BatchOutcome(
            self.rotated_rows + other.rotated_rows,
            self.skipped_rows + other.skipped_rows,
            did_not_stick=self.did_not_stick or other.did_not_stick,
        )
