"""The outcome of one batch."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """Rows that a batch rotated, and rows it left pending.

    Rotated rows have committed. Skipped rows are locked by others. PostgreSQL refused the refused
    ones, each alone. Untried rows were not tried alone, because so many in a row were refused.
    ``did_not_stick``: rows that the UPDATE reported as changed were found pending again.
    """

    rotated_rows: int
    skipped_rows: int = 0
    did_not_stick: bool = False
    refused_rows: int = 0
    untried_rows: int = 0

    def __add__(self, other: BatchOutcome) -> BatchOutcome:
        return BatchOutcome(
            self.rotated_rows + other.rotated_rows,
            self.skipped_rows + other.skipped_rows,
            did_not_stick=self.did_not_stick or other.did_not_stick,
            refused_rows=self.refused_rows + other.refused_rows,
            untried_rows=self.untried_rows + other.untried_rows,
        )
