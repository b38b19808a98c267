"""How a rotation is told to end."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue


class StopSignal:
    """Asked for by another thread or a signal handler; obeyed by the engine between batches.

    ``request`` lets the running batch commit. ``abort`` also cancels the statement in flight, so
    that its batch is rolled back. Both may be called any number of times, from any thread, and from
    a signal handler that interrupts another one in the middle of either.
    """

    def __init__(self) -> None:
        # No threading.Event: a handler that interrupts Event.set() finds its lock taken, for ever.
        # SimpleQueue.put() is documented to be safe there.
        self._requested = False
        self._aborted = False
        self._wake_ups: SimpleQueue[None] = SimpleQueue()
        self._cancel: Callable[[], None] | None = None

    @property
    def requested(self) -> bool:
        return self._requested

    @property
    def aborted(self) -> bool:
        return self._aborted

    def request(self) -> None:
        self._requested = True
        self._wake_ups.put(None)

    def abort(self) -> None:
        self._aborted = True
        self.request()
        if self._cancel is not None:
            self._cancel()

    def on_abort(self, cancel: Callable[[], None]) -> None:
        """``cancel`` ends the statement in flight; it is called in the aborting thread."""
        self._cancel = cancel

    def wait(self, seconds: float) -> bool:
        """Sleep up to ``seconds``; True, at once, when the end is asked for."""
        if not self._requested:
            with suppress(Empty):
                self._wake_ups.get(timeout=max(0.0, seconds))
                self._wake_ups.put(None)  # another thread may wait too
        return self._requested
