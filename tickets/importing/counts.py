"""Counts of the records so far, by outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tickets.importing.row import BadLine

KEPT_BAD_LINES = 100
SAID_BAD_LINES = 3


@dataclass(slots=True)
class Counts:
    """Committed work of an import.

    Each record is imported, there already, or bad.
    """

    imported: int = 0
    already_there: int = 0
    bad: int = 0
    chunks: int = 0
    retries: int = 0
    first_bad: list[str] = field(default_factory=list)

    @property
    def records(self) -> int:
        return self.imported + self.already_there + self.bad

    def add_chunk(self, imported: int, already_there: int) -> None:
        self.imported += imported
        self.already_there += already_there
        self.chunks += 1

    def add_bad(self, bad: BadLine) -> None:
        self.bad += 1
        if len(self.first_bad) < KEPT_BAD_LINES:
            self.first_bad.append(str(bad))

    def unfinished(self) -> str:
        """Why the import needs a person, in one line without contents; "" where it needs none."""
        if not self.bad:
            return ""
        more = self.bad - len(self.first_bad[:SAID_BAD_LINES])
        said = [*self.first_bad[:SAID_BAD_LINES], *([f"and {more:,} more"] if more else [])]
        return f"bad lines were not imported: {'; '.join(said)}"

    def as_data(self) -> dict[str, Any]:
        """Return JSON values for the operation.

        They hold the first 100 bad lines without contents.
        """
        return {
            "imported": self.imported,
            "already_there": self.already_there,
            "bad_lines": self.bad,
            "first_bad_lines": self.first_bad,
            "chunks": self.chunks,
            "retries": self.retries,
        }
