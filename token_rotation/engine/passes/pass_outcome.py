"""What a pass left."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.selection.key_range import KeyRange


@dataclass(frozen=True, slots=True)
class PassOutcome:
    """What was left in a worker's part of a pass.

    ``skipped`` is a range of which rows were skipped. ``did_not_stick``: rows that an UPDATE
    reported as changed were found pending again. ``stuck`` is a range where that happened, or where
    no row changed although nobody locked one.
    """

    skipped_rows: int = 0
    did_not_stick: bool = False
    skipped: KeyRange | None = None
    stuck: KeyRange | None = None

    def __add__(self, other: PassOutcome) -> PassOutcome:
        return PassOutcome(
            self.skipped_rows + other.skipped_rows,
            self.did_not_stick or other.did_not_stick,
            self.skipped or other.skipped,
            self.stuck or other.stuck,
        )


def left_of(keys: KeyRange, outcome: BatchOutcome) -> PassOutcome:
    """What one batch adds to it."""
    skipped = keys if outcome.skipped_rows else None
    is_stuck = outcome.did_not_stick or (outcome.rotated_rows == 0 and skipped is None)
    return PassOutcome(
        outcome.skipped_rows, outcome.did_not_stick, skipped, stuck=keys if is_stuck else None
    )
