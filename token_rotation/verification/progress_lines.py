"""Progress of a search or a trial, as a line every few seconds."""

from __future__ import annotations

import time
from collections.abc import Callable

from token_rotation.verification.door.tally import Tally
from token_rotation.verification.everywhere.table import Table

EVERY_SECONDS = 5.0


class ProgressLines:
    """Says how far it is, at most every 5 s."""

    def __init__(
        self, say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._say = say
        self._clock = clock
        self._next_at = clock() + EVERY_SECONDS

    def of_the_search(self, table: Table, pages_done: int, pages: int) -> None:
        self._line(lambda: f"Searching {table.label}: page {pages_done:,} of {pages:,}")

    def of_the_door(self, tally: Tally) -> None:
        self._line(lambda: f"Tried {tally.tried:,}: {tally.refused:,} refused, {tally.open:,} open")

    def _line(self, text: Callable[[], str]) -> None:
        if self._clock() >= self._next_at:
            self._next_at = self._clock() + EVERY_SECONDS
            self._say(text())
