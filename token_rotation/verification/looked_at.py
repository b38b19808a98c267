"""Which tables a statement about tokens rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Tables that were looked at, and places that were not.

    ``tables`` are table names; ``not_looked_at`` names what was left out, with the reason.
    """

    tables: tuple[str, ...]
    not_looked_at: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """Say which tables were looked at."""
        looked_at = f"Looked at: {_listed(self.tables)}."
        if not self.not_looked_at:
            return looked_at
        return f"{looked_at} Not looked at: {_listed(self.not_looked_at)}."

    def as_dict(self) -> dict[str, list[str]]:
        """Return plain values for JSON."""
        return {"tables": list(self.tables), "not_looked_at": list(self.not_looked_at)}


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "no table"
