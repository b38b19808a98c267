"""The operator's choices."""

from __future__ import annotations

from dataclasses import dataclass

CHUNK_ROWS = 1_000
MOST_CHUNK_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Choices of the operator.

    ``file`` is a path or ``-``. With ``strict`` the first bad line ends the import.
    """

    file: str
    database: str
    chunk_rows: int = CHUNK_ROWS
    strict: bool = False
