"""The target of a shadow column: what is pending, and what an UPDATE sets."""

from __future__ import annotations

from dataclasses import dataclass, replace

from token_rotation.selection.selection import EVERY_ROW, Condition, Selection
from token_rotation.selection.target import Absent, GuardTrigger


@dataclass(frozen=True, slots=True)
class Assigned:
    """A column, and the SQL of its value over the same row."""

    column: str
    value: Condition


@dataclass(frozen=True, slots=True)
class SourceTable:
    """A table whose rows are sources, with the triggers that follow them."""

    table: str
    triggers: tuple[GuardTrigger, ...]


@dataclass(frozen=True, slots=True)
class Shadow:
    """Columns of one table that are filled from others, and their marker.

    A row is pending when its marker is NULL and the condition of ``selection`` is true. A marker is
    the time of the fill. The tables ``unfollowed`` are read, and no trigger follows their rows.
    """

    label: str
    database: str
    table: str
    key_column: str
    marker_column: str
    assigned: tuple[Assigned, ...]
    guard_triggers: tuple[GuardTrigger, ...] = ()
    sources: tuple[SourceTable, ...] = ()
    unfollowed: tuple[str, ...] = ()
    selection: Selection = EVERY_ROW

    @property
    def presence(self) -> tuple[str, Absent] | None:
        return None

    @property
    def secrets(self) -> frozenset[str]:
        return frozenset()

    @property
    def hides_keys(self) -> bool:
        return False

    @property
    def unnarrowed(self) -> Shadow:
        """The same: its condition is declared, and nobody narrows it."""
        return self

    def selecting(self, selection: Selection) -> Shadow:
        return replace(self, selection=selection)

    @property
    def name(self) -> str:
        """The value of the setting by which its triggers know a fill."""
        return f"{self.table}.{self.marker_column}"

    @property
    def command(self) -> str:
        """The command that an operator types to fill the column."""
        suffix = "" if self.database == "default" else f" --database {self.database}"
        return f"python manage.py fill_column {self.label}{suffix}"
