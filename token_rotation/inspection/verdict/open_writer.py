"""A transaction that may yet store a leaked token.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class OpenWriter:
    """An open transaction that has written to the table.

    ``pid`` is None for a prepared one, which has the name ``gid``. State and seconds are None where
    the role may not see them.
    """

    pid: int | None
    gid: str | None
    state: str | None
    seconds: float | None

    def __str__(self) -> str:
        if self.pid is None:
            return f"the prepared transaction {self.gid or '–'}"
        age = "–" if self.seconds is None else f"{self.seconds:.0f} s"
        return f"pid {self.pid} ({self.state or 'state –'}, transaction open {age})"

    @property
    def end(self) -> str:
        """SQL that ends it. What it wrote is lost, unless it is a prepared one that commits."""
        if self.pid is not None:
            return f"SELECT pg_terminate_backend({self.pid})"
        name = "'" + (self.gid or "...").replace("'", "''") + "'"
        return f"COMMIT PREPARED {name} or ROLLBACK PREPARED {name}"


def writers_as_sentence(writers: Sequence[OpenWriter]) -> str:
    """Say why nobody can tell what open transactions will commit, and what to do."""
    first = writers[:MOST_SHOWN]
    rest = len(writers) - len(first)
    names = ", ".join(map(str, first)) + (f" and {rest} more" if rest else "")
    one = len(writers) == 1
    return (
        f"{names} {'has' if one else 'have'} written to the table and may commit a leaked token "
        f"that was not retired yet. Wait for {'its' if one else 'their'} end, or end "
        f"{'it' if one else 'them'} in psql: {'; '.join(each.end for each in first)}"
    )
