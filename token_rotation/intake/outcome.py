"""What became of reported tokens. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TRUE_POSITIVE, FALSE_POSITIVE = "true_positive", "false_positive"


@dataclass(frozen=True, slots=True)
class LeakOutcome:
    """Counts of a report, and what is not known.

    Of the ``reported`` tokens, ``dropped`` can be in no declared column and no database was asked.
    ``found`` were stored, or had been replaced before. ``left`` are still stored: others keep their
    rows locked, or PostgreSQL refuses. ``rotated_rows`` and ``failures`` (one line each) are by
    the target's label, ``unsearched`` are targets that hold hashes nobody can compute.
    """

    reported: int
    dropped: int = 0
    found: frozenset[str] = field(default=frozenset(), repr=False)
    left: frozenset[str] = field(default=frozenset(), repr=False)
    rotated_rows: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)
    unsearched: tuple[str, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Return True if no reported token is known to open anything, and no look failed."""
        return not self.left and not self.failures

    @property
    def has_acted(self) -> bool:
        """Return True if rows were rotated, or have to be."""
        return bool(self.rotated_rows or not self.is_complete)

    def label_of(self, token: str) -> str | None:
        """Return a partner's label for a token; None if nobody knows."""
        if token in self.found:
            return TRUE_POSITIVE
        return None if self.failures or self.unsearched else FALSE_POSITIVE

    def as_counts(self) -> dict[str, Any]:
        """Return what a record stores: no token."""
        return {
            "reported": self.reported,
            "dropped": self.dropped,
            "found": len(self.found),
            "not_rotated": len(self.left),
            "rotated_rows": dict(self.rotated_rows),
            "failures": dict(self.failures),
            "unsearched": list(self.unsearched),
        }
