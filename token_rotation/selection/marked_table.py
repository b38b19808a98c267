"""What the engine knows of a target: a table whose marker says which rows are done."""

from __future__ import annotations

from typing import Protocol, Self

from token_rotation.selection.selection import Selection
from token_rotation.selection.target import Absent, GuardTrigger


class MarkedTable(Protocol):
    """Some rows of one table, each of which a marker calls done or pending.

    Names are as the database stores them, unquoted. ``guard_triggers`` keep the marker truthful.
    ``presence`` is a column with the values for which a row is never pending, if there is one. The
    columns ``secrets`` may be in no log.
    """

    @property
    def label(self) -> str: ...
    @property
    def database(self) -> str: ...
    @property
    def table(self) -> str: ...
    @property
    def key_column(self) -> str: ...
    @property
    def marker_column(self) -> str: ...
    @property
    def guard_triggers(self) -> tuple[GuardTrigger, ...]: ...
    @property
    def selection(self) -> Selection: ...
    @property
    def presence(self) -> tuple[str, Absent] | None: ...
    @property
    def secrets(self) -> frozenset[str]: ...
    @property
    def hides_keys(self) -> bool: ...
    @property
    def unnarrowed(self) -> Self: ...
    def selecting(self, selection: Selection) -> Self:
        """Return the target with another selection."""

    @property
    def command(self) -> str: ...
