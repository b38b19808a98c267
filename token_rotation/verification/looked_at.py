"""Which tables a statement about tokens rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from token_rotation.inspection.verdict.verdict import Unread, Verdict

OTHER_TABLES = "every other table of the database: verify_tokens FILE --everywhere searches them"


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Tables that were looked at, and places that were not.

    ``tables`` are table names; ``not_looked_at`` names what was left out, with the reason.
    """

    tables: tuple[str, ...]
    not_looked_at: tuple[str, ...] = ()

    @property
    def in_short(self) -> str:
        """Return the tables, and what was left out, in one line."""
        left_out = f"; not at {_listed(self.not_looked_at)}" if self.not_looked_at else ""
        return f"{_listed(self.tables)}{left_out}"

    def as_dict(self) -> dict[str, list[str]]:
        """Return plain values for JSON."""
        return {"tables": list(self.tables), "not_looked_at": list(self.not_looked_at)}


def looked_at_by(verdict: Verdict | Unread) -> LookedAt:
    """Return what the verdict about one target rests on."""
    if isinstance(verdict, Unread):
        return LookedAt((), (OTHER_TABLES,))
    return LookedAt(tuple(each.name for each in verdict.relations), (OTHER_TABLES,))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "no table"
