"""What became of reported tokens. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TRUE_POSITIVE, FALSE_POSITIVE = "true_positive", "false_positive"


@dataclass(frozen=True, slots=True)
class LeakOutcome:
    """Counts of a report, and what is not known.

    Of the ``reported`` tokens, ``dropped`` can be in no declared column and no database was asked.
    ``found`` were stored, or had been replaced before. ``left`` are still stored: others keep their
    rows locked, or PostgreSQL refuses. By the target's label are ``rotated_rows``, ``left_rows``
    (keys as text, 100 at most) and ``failures`` (one line each). ``unsearched`` are targets that
    hold hashes nobody can compute.
    """

    reported: int
    dropped: int = 0
    found: frozenset[str] = field(default=frozenset(), repr=False)
    left: frozenset[str] = field(default=frozenset(), repr=False)
    rotated_rows: Mapping[str, int] = field(default_factory=dict)
    left_rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
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
            "left_rows": {label: list(keys) for label, keys in self.left_rows.items()},
            "failures": dict(self.failures),
            "unsearched": list(self.unsearched),
        }
