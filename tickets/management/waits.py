"""Say what a statement without an answer waits for."""

import time
from collections.abc import Callable
from contextlib import suppress
from threading import Lock

AGAIN_AFTER_SECONDS = 30.0
WORDS_OF_A_KIND = 4
"""By so many words, what is said of one wait differs from what is said of another."""


class ShownWaits:
    """An observer that writes each kind of wait at once, and again every 30 s.

    Any thread may call it. Where nothing can be written, the work goes on without.
    """

    def __init__(self, write: Callable[[str], object]) -> None:
        self._write = write
        self._again_at: dict[str, float] = {}
        self._lock = Lock()

    def __call__(self, event: object) -> None:
        kind, now = " ".join(str(event).split()[:WORDS_OF_A_KIND]), time.monotonic()
        with self._lock, suppress(OSError, ValueError):
            if now >= self._again_at.get(kind, now):
                self._again_at[kind] = now + AGAIN_AFTER_SECONDS
                self._write(str(event))
