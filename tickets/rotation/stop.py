"""How a rotation is told to end."""

from __future__ import annotations

import threading
from collections.abc import Callable


class StopSignal:
    """Asked for by another thread; obeyed by the engine between batches.

    ``request`` lets the running batch commit. ``abort`` also cancels the statement in flight, so
    that its batch is rolled back. Both may be called any number of times, from any thread.
    """

    def __init__(self) -> None:
        self._requested = threading.Event()
        self._aborted = threading.Event()
        self._cancel: Callable[[], None] | None = None

    @property
    def requested(self) -> bool:
        return self._requested.is_set()

    @property
    def aborted(self) -> bool:
        return self._aborted.is_set()

    def request(self) -> None:
        self._requested.set()

    def abort(self) -> None:
        self._aborted.set()
        self._requested.set()
        if self._cancel is not None:
            self._cancel()

    def on_abort(self, cancel: Callable[[], None]) -> None:
        """``cancel`` ends the statement in flight; it is called in the aborting thread."""
        self._cancel = cancel

    def wait(self, seconds: float) -> bool:
        """Sleep up to ``seconds``; True, at once, when the end is asked for."""
        return self._requested.wait(seconds)
