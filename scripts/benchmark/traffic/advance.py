"""How far a rotation has come, and when: looked at from outside, in the order of keys."""

import time
from bisect import bisect_right
from threading import Event, Thread
from typing import Self

from benchmark.traffic.watch import watching

LOOK_EVERY_SECONDS = 0.05


class Advance:
    """Looks on a connection and a thread of its own, from `__enter__` to `__exit__`.

    One worker rotates keys 1 to `rows` in order, so the first pending key says how many are done.
    """

    def __init__(self, database_url: str, rows: int) -> None:
        self._database_url = database_url
        self._rows = rows
        self._over = Event()
        self._thread = Thread(target=self._look, daemon=True)
        self._seen: list[tuple[float, int]] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def rate(self, since: float, until: float) -> float:
        """Rows a second between two moments (Unix time)."""
        return (self._rows_at(until) - self._rows_at(since)) / (until - since)

    def _rows_at(self, moment: float) -> float:
        """Rows that were done then, by the two looks around it."""
        place = bisect_right(self._seen, (moment, self._rows))
        if place in (0, len(self._seen)):
            return self._seen[min(place, len(self._seen) - 1)][1]
        (before, done), (after, done_then) = self._seen[place - 1], self._seen[place]
        return done + (done_then - done) * (moment - before) / (after - before)

    def _look(self) -> None:
        done = 0
        with watching(self._database_url) as watch:
            while not self._over.wait(LOOK_EVERY_SECONDS):
                pending = watch.next_pending(done, self._rows)
                done = self._rows if pending is None else pending - 1
                self._seen.append((time.time(), done))
