"""How many rows to fetch at a time."""

from __future__ import annotations

ROWS_AT_MOST = 2_000
BLOCK_BYTES = 64 * 1024
FETCH_SECONDS = 0.5


class FetchPace:
    """Starts with one row and doubles, while a fetch is quick and its lines are short.

    Rows of a slow query then leave as they come, and rows of any width need about the same memory.
    """

    def __init__(self) -> None:
        self.rows = 1

    def note(self, *, seconds: float, block_bytes: int) -> None:
        """Judge the last fetch by how long it took and how many bytes it became."""
        if seconds > FETCH_SECONDS or block_bytes > BLOCK_BYTES:
            self.rows = max(1, self.rows // 2)
        elif block_bytes * 2 <= BLOCK_BYTES:
            self.rows = min(ROWS_AT_MOST, self.rows * 2)
