"""What a search of a database left out, and why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Why(Enum):
    """Reason why something was not searched, as the end of a sentence."""

    PRIVILEGE = "this role may not read it"
    ROW_SECURITY = "row security hides rows from this role"
    LOCKED = "another session kept it locked"
    REWRITTEN = "it was rewritten again and again meanwhile"
    SLOW = "it took longer than --snapshot-seconds"
    REFUSED = "PostgreSQL refused the statement"
    STOPPED = "the search was stopped"
    SHORT = "tokens of fewer than 8 characters"
    GONE = "dropped meanwhile"
    VIEW = "view"
    FOREIGN = "foreign table"
    TYPE = "columns of other types"
    TEMPORARY = "temporary tables"
    LARGE_OBJECT = "large objects"
    DATABASE = "other databases"

    @property
    def may_hide_a_copy(self) -> bool:
        """Return True where a stored copy that should have been found may be left."""
        return self in _INCOMPLETE


_INCOMPLETE = {
    *(Why.PRIVILEGE, Why.ROW_SECURITY, Why.LOCKED, Why.REWRITTEN, Why.SLOW, Why.REFUSED),
    *(Why.STOPPED, Why.SHORT),
}


@dataclass(frozen=True, slots=True)
class NotSearched:
    """Things that were not searched for one reason.

    ``names`` are tables as "schema.table", columns, types with their number, databases, or a
    number. ``detail`` is what PostgreSQL said, without values.
    """

    why: Why
    names: tuple[str, ...]
    detail: str = ""

    @property
    def sentence(self) -> str:
        """Say what was left out."""
        detail = f": {self.detail}" if self.detail else ""
        return f"Not searched ({self.why.value}{detail}): {', '.join(self.names)}."
