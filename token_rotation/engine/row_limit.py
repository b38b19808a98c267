"""The number of rows a rotation may still rotate."""

from __future__ import annotations

from threading import Lock


class RowLimit:
    """At most ``limit_rows`` rows, shared by threads.

    Any number of threads may share it. None: no limit.

    A batch takes its rows beforehand and gives back what it did not use. So batches at the same
    time cannot exceed the limit together.
    """

    def __init__(self, limit_rows: int | None) -> None:
        self._left_rows = limit_rows
        self._lock = Lock()

    @property
    def is_limited(self) -> bool:
        return self._left_rows is not None

    @property
    def used_up(self) -> bool:
        return self._left_rows == 0

    def take(self, rows: int) -> int:
        """As many of ``rows`` as are left."""
        with self._lock:
            if self._left_rows is None:
                return rows
            taken_rows = min(rows, self._left_rows)
            self._left_rows -= taken_rows
            return taken_rows

    def give_back(self, rows: int) -> None:
        """Return what was taken and not used."""
        with self._lock:
            if self._left_rows is not None:
                self._left_rows += rows
