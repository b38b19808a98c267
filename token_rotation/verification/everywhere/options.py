"""The options of a search of a database."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How gently to search.

    ``pause_seconds`` is the wait after each statement. ``snapshot_seconds`` bounds the time for
    which one table is read, since its snapshot holds VACUUM back.
    """

    pause_seconds: float = 0.05
    snapshot_seconds: float = 3600.0
