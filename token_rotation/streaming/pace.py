"""The number of rows to fetch at a time."""

from __future__ import annotations

ROWS_AT_MOST = 2_000
BLOCK_BYTES = 64 * 1024
FETCH_SECONDS = 0.5


class FetchPace:
    """The number of rows to fetch, adapted to the query.

    It starts with one row. It doubles while a fetch is quick and its lines are short. So rows of a
    slow query leave at once, and rows of any width need about the same memory.
    """

    def __init__(self) -> None:
        self.rows = 1

    def note(self, *, seconds: float, block_bytes: int) -> None:
        """Adapt ``rows`` to the last fetch.

        The fetch's duration and size count.
        """
        if seconds > FETCH_SECONDS or block_bytes > BLOCK_BYTES:
            self.rows = max(1, self.rows // 2)
        elif block_bytes * 2 <= BLOCK_BYTES:
            self.rows = min(ROWS_AT_MOST, self.rows * 2)
