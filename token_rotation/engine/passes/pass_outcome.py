"""The rows that a pass left."""

from __future__ import annotations

from dataclasses import dataclass

from token_rotation.engine.batches.batch_outcome import BatchOutcome
from token_rotation.selection.key_range import KeyRange


@dataclass(frozen=True, slots=True)
class PassOutcome:
    """The rows left in a worker's part of a pass.

    ``skipped`` is a range of which rows were skipped. ``did_not_stick``: rows that an UPDATE
    reported as changed were found pending again. ``stuck`` is a range where that happened, or where
    no row changed although nobody locked one. ``untried_rows`` were not tried alone, because
    PostgreSQL refused so many before them.
    """

    skipped_rows: int = 0
    did_not_stick: bool = False
    skipped: KeyRange | None = None
    stuck: KeyRange | None = None
    untried_rows: int = 0

    def __add__(self, other: PassOutcome) -> PassOutcome:
        return PassOutcome(
            self.skipped_rows + other.skipped_rows,
            self.did_not_stick or other.did_not_stick,
            self.skipped or other.skipped,
            self.stuck or other.stuck,
            self.untried_rows + other.untried_rows,
        )


def left_of(keys: KeyRange, outcome: BatchOutcome) -> PassOutcome:
    """Add the outcome of one batch."""
    skipped = keys if outcome.skipped_rows else None
    is_refused = outcome.refused_rows > 0 or outcome.untried_rows > 0
    is_untouched = outcome.rotated_rows == 0 and skipped is None and not is_refused
    return PassOutcome(
        outcome.skipped_rows,
        outcome.did_not_stick,
        skipped,
        stuck=keys if outcome.did_not_stick or is_untouched else None,
        untried_rows=outcome.untried_rows,
    )
