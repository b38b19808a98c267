"""The pages of a table, cut into statements of about the same time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

FIRST_BYTES = 16 * 1024 * 1024
MOST_GROWTH = 2.0
LEAST_SHRINKING = 0.1


class PageSteps:
    """Page ranges, each sized by how long the one before took.

    A page counts with its share of the values that are stored out of line. The last range has no
    end, so it has the pages that were added meanwhile.
    """

    def __init__(
        self, pages: int, page_bytes: int, clock: Callable[[], float], *, target_seconds: float
    ) -> None:
        self.pages = pages
        self.done = 0
        self._size = max(1, FIRST_BYTES // max(page_bytes, 1))
        self._clock = clock
        self._target_seconds = target_seconds

    def __iter__(self) -> Iterator[tuple[int, int | None]]:
        """Yield the first page and the first one not to read; the caller reads them meanwhile."""
        while True:
            end = self.done + self._size
            began = self._clock()
            is_last = end >= self.pages
            first, self.done = self.done, min(end, self.pages)
            yield first, None if is_last else end
            if is_last:
                return
            self._adapt(self._clock() - began)

    def _adapt(self, seconds: float) -> None:
        factor = self._target_seconds / seconds if seconds > 0 else MOST_GROWTH
        self._size = max(1, int(self._size * min(MOST_GROWTH, max(LEAST_SHRINKING, factor))))
